/**
 * From addresses to lists of frames, one by one or many at once. What a reader would get wrong:
 * lists are shared between addresses and between calls, so nobody may change one; and a batch is
 * answered in the order in which it was asked, but worked through in the order of addresses.
 */
import { type FunctionDecoder, NO_LINE } from './function-decoder.js';
import type { FunctionTable } from './function-table.js';
import { sortedOrder } from './sorted-order.js';

/** One source frame of an address; inlined frames come before the function that holds them. */
export interface GoFrame {
  readonly function: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly inlined: boolean;
}

/** Frames of many addresses: addresses of the same source line share one list. */
export interface SymbolizedBatch {
  /** For each address the number of its list; 0 for addresses outside Go's code. */
  readonly frameListOf: Uint32Array;
  /** Lists by number, innermost frame first; the list 0 is empty. Shared: not to be changed. */
  readonly lists: readonly (readonly GoFrame[])[];
}

/** Frames that one list may have; the deepest of real programs have a few dozen. */
const FRAMES_MAX = 1000;
/** Lists that are kept from batch to batch, some 150 bytes each. */
const LISTS_MAX = 1 << 20;
const NO_FRAMES: readonly GoFrame[] = [];

/** Builds and keeps the lists of one table. */
export class FrameLists {
  readonly #table: FunctionTable;
  readonly #decoder: FunctionDecoder;
  /** Node → its frame, and → its list; forgotten together with the nodes. */
  #frames: (GoFrame | undefined)[] = [];
  #lists: (readonly GoFrame[] | undefined)[] = [];
  #kept = 0;
  #generation = 0;
  /** Node → number of its list in the batch in work; 0 where it has none yet. */
  #numbers = new Uint32Array(0);

  constructor(table: FunctionTable, decoder: FunctionDecoder) {
    this.#table = table;
    this.#decoder = decoder;
  }

  /** Frames of one address. Throws FormatError where the function's tables are damaged. */
  at(address: number): readonly GoFrame[] {
    const table = this.#table;
    const index = table.indexAt(address);
    if (index < 0) return NO_FRAMES;
    this.#decode(index);
    const { nodes } = this.#decoder;
    const offset = address - table.module.text - table.starts[index]!;
    const range = nodes.rangeAt(index, offset);
    return range < 0 ? NO_FRAMES : this.#listOf(nodes.rangeNode[range]!, index);
  }

  /** Frames of many addresses; see {@link SymbolizedBatch}. */
  many(addresses: Float64Array): SymbolizedBatch {
    const { starts, count, module } = this.#table;
    const { nodes } = this.#decoder;
    const frameListOf = new Uint32Array(addresses.length);
    const lists: (readonly GoFrame[])[] = [NO_FRAMES];
    const { keys, order } = sortedOrder(addresses, module.text, starts[0]!, starts[count]!);
    this.#numbers.fill(0);
    let index = -1;
    let start = 0;
    let end = 0;
    let range = 0;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      if (key >= end || index < 0) {
        index = gallop(starts, Math.max(0, index), count, key);
        const { generation } = nodes;
        this.#decode(index);
        // Numbers of forgotten nodes would be taken for those of the new ones.
        if (nodes.generation !== generation) this.#numbers.fill(0);
        start = starts[index]!;
        end = starts[index + 1]!;
        range = nodes.first[index]!;
      }
      const last = nodes.last[index]!;
      while (range < last && nodes.rangeEnd[range]! <= key - start) range++;
      if (range === last) continue;
      const node = nodes.rangeNode[range]!;
      if (node >= this.#numbers.length) this.#growNumbers(nodes.name.length);
      let number = this.#numbers[node]!;
      if (number === 0) {
        number = lists.length;
        lists.push(this.#listOf(node, index));
        this.#numbers[node] = number;
      }
      frameListOf[order === undefined ? i : order[i]!] = number;
    }
    return { frameListOf, lists };
  }

  #growNumbers(length: number): void {
    const larger = new Uint32Array(length);
    larger.set(this.#numbers);
    this.#numbers = larger;
  }

  #decode(index: number): void {
    const { nodes } = this.#decoder;
    this.#decoder.decode(index);
    if (nodes.generation === this.#generation && this.#kept < LISTS_MAX) return;
    this.#generation = nodes.generation;
    this.#frames = [];
    this.#lists = [];
    this.#kept = 0;
  }

  #listOf(node: number, index: number): readonly GoFrame[] {
    const kept = this.#lists[node];
    if (kept !== undefined) return kept;
    const { parent } = this.#decoder.nodes;
    const list = [this.#frameOf(node)];
    for (let at = parent[node]!; at >= 0; at = parent[at]!) {
      const frame = this.#frameOf(at);
      if (list.includes(frame) || list.length === FRAMES_MAX) {
        // A circle: the call is taken to stand in the function itself.
        const name = this.#table.field(this.#table.recordAt(index), this.#table.layout.func.name);
        list.push({ ...frame, function: this.#table.nameAt(name), inlined: false });
        break;
      }
      list.push(frame);
    }
    this.#lists[node] = list;
    this.#kept++;
    return list;
  }

  #frameOf(node: number): GoFrame {
    let frame = this.#frames[node];
    if (frame === undefined) {
      const { nodes } = this.#decoder;
      const line = nodes.line[node]!;
      frame = {
        function: this.#table.nameAt(nodes.name[node]!),
        file: this.#table.fileAt(nodes.file[node]!),
        line: line === NO_LINE ? undefined : line,
        inlined: nodes.parent[node]! >= 0,
      };
      this.#frames[node] = frame;
    }
    return frame;
  }
}

/** The function that holds a key, at or behind `from`: doubling steps, then halving ones. */
function gallop(starts: Uint32Array, from: number, count: number, key: number): number {
  let low = from;
  let step = 1;
  while (low + step < count && starts[low + step]! <= key) {
    low += step;
    step *= 2;
  }
  let high = Math.min(count, low + step);
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= key) low = middle;
    else high = middle;
  }
  return low;
}
