/**
 * Lists of frames in columns, for batches: a million addresses of a large program have half a
 * million lists, and as objects they would cost more to collect than to find. What a reader would
 * get wrong: strings are numbered once for each table, so numbers of one batch hold in the next.
 */
import type { FrameNodes } from './frame-nodes.js';
import { NO_LINE } from './function-decoder.js';
import { type FunctionTable, NO_FILE } from './function-table.js';

/** One source frame of an address; inlined frames come before the function that holds them. */
export interface GoFrame {
  readonly function: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly inlined: boolean;
}

/** Frames that one list may have; the deepest of real programs have a few dozen. */
export const FRAMES_MAX = 1000;

/**
 * Frames of many addresses, in columns; addresses of the same source line share one list. List n
 * has the frames `firstFrame[n]` to `firstFrame[n + 1]`, innermost first; all but its last one
 * were inlined. List 0 is empty: addresses outside Go's code.
 */
export interface SymbolizedBatch {
  /** For each address the number of its list. */
  readonly frameListOf: Uint32Array;
  readonly firstFrame: Uint32Array;
  /** Frame → number of its function's name and of its file in {@link strings}; 0: no file. */
  readonly functionOf: Uint32Array;
  readonly fileOf: Uint32Array;
  /** Frame → line; -1 where no table names one. */
  readonly lineOf: Int32Array;
  /** Names of functions and files; shared between batches. */
  readonly strings: readonly string[];
  /** A list as objects, for those who print few; made anew by every call. */
  framesOf(list: number): readonly GoFrame[];
}

/** The way from a node to the outermost frame. Reused: what it holds is of the last `follow`. */
export class FramePath {
  readonly nodes = new Int32Array(FRAMES_MAX);
  count = 0;
  /** The node at which the way came round, or did not end; -1 where it ended as it should. */
  repeated = -1;

  /** Walks from a node by its links; ends at the outermost frame or at a repetition. */
  follow(parent: Int32Array, node: number): void {
    const { nodes } = this;
    let count = 0;
    this.repeated = -1;
    for (let at = node; at >= 0; at = parent[at]!) {
      let seen = count === FRAMES_MAX;
      for (let i = 0; i < count && !seen; i++) seen = nodes[i] === at;
      if (seen) {
        this.repeated = at;
        break;
      }
      nodes[count++] = at;
    }
    this.count = count;
  }
}

/** Entries of the small caches in front of the maps; a power of two. */
const CACHED = 512;

/** Numbers for the strings of one table. */
export class StringNumbers {
  readonly strings: string[];
  readonly #numbers = new Map<number, number>();
  readonly #read: (offset: number) => string;
  readonly #offsets = new Float64Array(CACHED).fill(-1);
  readonly #cached = new Uint32Array(CACHED);

  /** `strings` begins with what number 0 stands for; several kinds may be numbered together. */
  constructor(read: (offset: number) => string, strings: string[]) {
    this.#read = read;
    this.strings = strings;
  }

  /** The number of the string at an offset. Throws FormatError where there is none. */
  numberOf(offset: number): number {
    // Frames that follow each other mostly have the same names: the map is rarely asked.
    const slot = offset & (CACHED - 1);
    if (this.#offsets[slot] === offset) return this.#cached[slot]!;
    let number = this.#numbers.get(offset);
    if (number === undefined) {
      number = this.strings.push(this.#read(offset)) - 1;
      this.#numbers.set(offset, number);
    }
    this.#offsets[slot] = offset;
    this.#cached[slot] = number;
    return number;
  }
}

/** Collects the lists of one batch. */
export class FrameColumns {
  readonly #names: StringNumbers;
  readonly #files: StringNumbers;
  readonly #path = new FramePath();
  #firstFrame = new Uint32Array(1 << 12);
  #functions = new Uint32Array(1 << 13);
  #fileNumbers = new Uint32Array(1 << 13);
  #lines = new Int32Array(1 << 13);
  #lists = 1;
  #frames = 0;

  constructor(names: StringNumbers, files: StringNumbers) {
    this.#names = names;
    this.#files = files;
  }

  /** Adds the list of a node and returns its number; `outer` is the function's name offset. */
  add(nodes: FrameNodes, node: number, outer: () => number): number {
    this.#makeRoom();
    const path = this.#path;
    path.follow(nodes.parent, node);
    for (let i = 0; i < path.count; i++) {
      const at = path.nodes[i]!;
      this.#addFrame(nodes, at, nodes.name[at]!);
    }
    // Where the walk came round, the call is taken to stand in the function itself.
    if (path.repeated >= 0) this.#addFrame(nodes, path.repeated, outer());
    this.#firstFrame[++this.#lists] = this.#frames;
    return this.#lists - 1;
  }

  #addFrame(nodes: FrameNodes, node: number, name: number): void {
    const frame = this.#frames++;
    const file = nodes.file[node]!;
    this.#functions[frame] = this.#names.numberOf(name);
    this.#fileNumbers[frame] = file === NO_FILE ? 0 : this.#files.numberOf(file);
    this.#lines[frame] = nodes.line[node]!;
  }

  /** The batch; the collector must not be used afterwards. */
  finish(frameListOf: Uint32Array): SymbolizedBatch {
    const firstFrame = this.#firstFrame.subarray(0, this.#lists + 1);
    const functionOf = this.#functions.subarray(0, this.#frames);
    const fileOf = this.#fileNumbers.subarray(0, this.#frames);
    const lineOf = this.#lines.subarray(0, this.#frames);
    const { strings } = this.#names;
    const framesOf = (list: number): GoFrame[] => {
      const [first, end] = [firstFrame[list]!, firstFrame[list + 1]!];
      return Array.from({ length: end - first }, (_, i) => ({
        function: strings[functionOf[first + i]!]!,
        file: fileOf[first + i] === 0 ? undefined : strings[fileOf[first + i]!]!,
        line: lineOf[first + i] === NO_LINE ? undefined : lineOf[first + i]!,
        inlined: first + i + 1 < end,
      }));
    };
    return { frameListOf, firstFrame, functionOf, fileOf, lineOf, strings, framesOf };
  }

  /** Room for one list more, of whatever length. */
  #makeRoom(): void {
    if (this.#lists + 2 > this.#firstFrame.length) this.#firstFrame = doubled(this.#firstFrame);
    if (this.#frames + FRAMES_MAX + 1 <= this.#functions.length) return;
    this.#functions = doubled(this.#functions);
    this.#fileNumbers = doubled(this.#fileNumbers);
    const lines = new Int32Array(this.#functions.length);
    lines.set(this.#lines);
    this.#lines = lines;
  }
}

function doubled(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(column.length * 2);
  larger.set(column);
  return larger;
}

/** Numbers for the names and the files of a table, in one list of strings. */
export function stringNumbers(table: FunctionTable): [names: StringNumbers, files: StringNumbers] {
  const strings = [''];
  return [
    new StringNumbers(offset => table.nameAt(offset), strings),
    new StringNumbers(offset => table.fileAt(offset) ?? '', strings),
  ];
}
