/**
 * From addresses to lists of frames, one by one or many at once. What a reader would get wrong:
 * lists are shared between addresses and between calls, so nobody may change one; and a batch is
 * answered in the order in which it was asked, but worked through in the order of addresses.
 */
import {
  FrameColumns,
  FramePath,
  type GoFrame,
  stringNumbers,
  type StringNumbers,
  type SymbolizedBatch,
} from './frame-columns.js';
import { type FunctionDecoder, NO_LINE } from './function-decoder.js';
import type { FunctionTable } from './function-table.js';
import { sortedOrder } from './sorted-order.js';

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
  #numbers: Uint32Array = new Uint32Array(0);
  readonly #path = new FramePath();
  readonly #names: StringNumbers;
  readonly #files: StringNumbers;

  constructor(table: FunctionTable, decoder: FunctionDecoder) {
    this.#table = table;
    this.#decoder = decoder;
    [this.#names, this.#files] = stringNumbers(table);
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
    const columns = new FrameColumns(this.#names, this.#files);
    const outer = (): number => this.#outerName(index);
    const { keys, order } = sortedOrder(addresses, module.text, starts[0]!, starts[count]!);
    this.#numbers.fill(0);
    let index = -1;
    let [start, end, range, last] = [0, 0, 0, 0];
    // Columns are replaced when they grow, which decoding alone makes them do.
    let { rangeEnd, rangeNode } = nodes;
    let numbers = this.#numbers;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      if (key >= end || index < 0) {
        index = gallop(starts, Math.max(0, index), count, key);
        const { generation } = nodes;
        this.#decode(index);
        numbers = this.#numbersFor(nodes.name.length);
        // Numbers of forgotten nodes would be taken for those of the new ones.
        if (nodes.generation !== generation) numbers.fill(0);
        ({ rangeEnd, rangeNode } = nodes);
        start = starts[index]!;
        end = starts[index + 1]!;
        range = nodes.first[index]!;
        last = nodes.last[index]!;
      }
      const offset = key - start;
      while (range < last && rangeEnd[range]! <= offset) range++;
      if (range === last) continue;
      const node = rangeNode[range]!;
      let number = numbers[node]!;
      if (number === 0) {
        number = columns.add(nodes, node, outer);
        numbers[node] = number;
      }
      frameListOf[order === undefined ? i : order[i]!] = number;
    }
    return columns.finish(frameListOf);
  }

  /** The column of numbers, grown where there are more nodes than it holds. */
  #numbersFor(length: number): Uint32Array {
    if (length > this.#numbers.length) {
      const larger = new Uint32Array(length);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    return this.#numbers;
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
    const path = this.#path;
    path.follow(this.#decoder.nodes.parent, node);
    const list = Array.from(path.nodes.subarray(0, path.count), at => this.#frameOf(at));
    if (path.repeated >= 0) {
      // The walk came round: the call is taken to stand in the function itself.
      const name = this.#table.nameAt(this.#outerName(index));
      list.push({ ...this.#frameOf(path.repeated), function: name, inlined: false });
    }
    this.#lists[node] = list;
    this.#kept++;
    return list;
  }

  #outerName(index: number): number {
    return this.#table.field(this.#table.recordAt(index), this.#table.layout.func.name);
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
