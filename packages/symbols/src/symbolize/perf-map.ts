/**
 * The map that a JIT writes beside its code for perf: one function a line, `START SIZE NAME`, both
 * numbers hexadecimal, no prefix needed (Linux, tools/perf/Documentation/jit-interface.txt). What a
 * reader would get wrong: code is moved and its memory used again, so of two lines that cover one
 * address the later one is true.
 */

/** A function of the map and how far behind its start an address lies, in bytes. */
export interface PerfMapHit {
  readonly name: string;
  readonly start: number;
  readonly offset: number;
}

/** Lines that are kept; a JIT with more writes a line for every recompilation. */
const LINES_MAX = 1_000_000;
/** Refusals that are worded; all are counted. */
const REFUSED_MAX = 5;
const NAME_MAX = 4096;
/** How many overlapping lines are looked at for one address. */
const OVERLAPS_MAX = 4096;
const LINE = /^(?:0[xX])?([0-9a-fA-F]{1,16})[ \t]+(?:0[xX])?([0-9a-fA-F]{1,16})[ \t]+(\S.*)$/;

interface Line {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  readonly number: number;
}

/** The functions of one map, as far as its lines can be read. */
export class PerfMap {
  /** Why lines were refused, such as `line 3: it has no name`; the first five. */
  readonly refused: readonly string[];
  /** How many lines were refused. */
  readonly refusedCount: number;
  readonly #sorted: readonly Line[];
  /** The furthest end of all lines up to this one. */
  readonly #reach: Float64Array;

  /** Reads the text of a map; never throws. A last line without its end is still being written. */
  constructor(text: string) {
    const refused: string[] = [];
    const lines: Line[] = [];
    let count = 0;
    let number = 0;
    for (let at = 0; at < text.length;) {
      const newline = text.indexOf('\n', at);
      if (newline < 0) break;
      const line = text.slice(at, newline);
      at = newline + 1;
      number++;
      if (line === '') continue;
      const read = lines.length < LINES_MAX ? readLine(line, number) : 'the map has too many lines';
      if (typeof read !== 'string') lines.push(read);
      else if (count++ < REFUSED_MAX) refused.push(`line ${number}: ${read}`);
    }
    this.refused = refused;
    this.refusedCount = count;
    this.#sorted = lines.sort((a, b) => a.start - b.start || a.number - b.number);
    this.#reach = new Float64Array(lines.length);
    let reach = 0;
    this.#sorted.forEach((line, i) => (this.#reach[i] = reach = Math.max(reach, line.end)));
  }

  /** Functions in the map. */
  get size(): number {
    return this.#sorted.length;
  }

  /** The function that was written last among those that hold an address. */
  at(address: number): PerfMapHit | undefined {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sorted[middle]!.start <= address) low = middle + 1;
      else high = middle;
    }
    let latest: Line | undefined;
    const first = Math.max(0, low - OVERLAPS_MAX);
    for (let i = low - 1; i >= first && this.#reach[i]! > address; i--) {
      const line = this.#sorted[i]!;
      if (line.end > address && line.number > (latest?.number ?? 0)) latest = line;
    }
    if (latest === undefined) return undefined;
    return { name: latest.name, start: latest.start, offset: address - latest.start };
  }
}

/** One line, or why it is refused. */
function readLine(text: string, number: number): Line | string {
  if (text.length > NAME_MAX) return `it has ${text.length} characters`;
  const match = LINE.exec(text);
  if (match === null) return `"${shown(text)}" is not START SIZE NAME`;
  const start = Number.parseInt(match[1]!, 16);
  const end = start + Number.parseInt(match[2]!, 16);
  if (!Number.isSafeInteger(end)) return `0x${match[1]} + 0x${match[2]} is no user address`;
  if (end === start) return `"${shown(match[3]!)}" has no bytes`;
  return { start, end, name: printable(match[3]!).trimEnd(), number };
}

function shown(text: string): string {
  return printable(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

/** Names end on terminals: a control character must not. */
function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
