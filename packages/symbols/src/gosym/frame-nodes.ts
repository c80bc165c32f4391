/**
 * Decoded functions, kept: which addresses share which frames. What a reader would get wrong: a
 * node is one source frame with a link to the frame around it, and links may lead in a circle,
 * because inline trees do; whoever walks them stops at the first repetition.
 *
 * Columns, not objects: a program of 100 MB has some two million nodes.
 */

/** No node: the frame is the outermost. */
export const NO_NODE = -1;

const NODES_MAX = 1 << 21;

/** What is known of the decoded functions of one table, in typed columns. */
export class FrameNodes {
  /** Range → offset behind the function's entry at which it ends. */
  rangeEnd = new Uint32Array(1 << 12);
  /** Range → node of its innermost frame. */
  rangeNode = new Int32Array(1 << 12);
  ranges = 0;
  /** Node → name offset, file offset, line, node of the frame around it. */
  name = new Uint32Array(1 << 12);
  file = new Uint32Array(1 << 12);
  line = new Int32Array(1 << 12);
  parent = new Int32Array(1 << 12);
  count = 0;
  /** Function → its first range, or -1 while it is not decoded; and the one behind its last. */
  readonly first: Int32Array;
  readonly last: Int32Array;
  /** Grows by one each time that everything was forgotten to stay within bounds. */
  generation = 0;

  constructor(functions: number) {
    this.first = new Int32Array(functions).fill(-1);
    this.last = new Int32Array(functions);
  }

  /** Forgets all functions when they have become too many. Costs nothing otherwise. */
  makeRoom(): void {
    if (this.count < NODES_MAX && this.ranges < NODES_MAX * 2) return;
    this.first.fill(-1);
    this.ranges = 0;
    this.count = 0;
    this.generation++;
  }

  /** Adds a node and returns its number. */
  addNode(name: number, file: number, line: number): number {
    if (this.count === this.name.length) {
      this.name = doubled(this.name);
      this.file = doubled(this.file);
      this.line = doubled(this.line);
      this.parent = doubled(this.parent);
    }
    const node = this.count++;
    this.name[node] = name;
    this.file[node] = file;
    this.line[node] = line;
    this.parent[node] = NO_NODE;
    return node;
  }

  /** Adds a range of the function that is being decoded. */
  addRange(end: number, node: number): void {
    if (this.ranges === this.rangeEnd.length) {
      this.rangeEnd = doubled(this.rangeEnd);
      this.rangeNode = doubled(this.rangeNode);
    }
    this.rangeEnd[this.ranges] = end;
    this.rangeNode[this.ranges++] = node;
  }

  /** The range of a decoded function that holds an offset; -1 behind its last. */
  rangeAt(index: number, offset: number): number {
    const last = this.last[index]!;
    let low = this.first[index]!;
    let high = last;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.rangeEnd[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return low < last ? low : -1;
  }
}

function doubled<T extends Uint32Array | Int32Array>(column: T): T {
  const larger = new (column.constructor as new (length: number) => T)(column.length * 2);
  larger.set(column);
  return larger;
}
