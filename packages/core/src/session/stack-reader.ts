/**
 * Stacks by their id, out of the map that all objects of a session share. The fact that is easy to
 * get wrong: an id is a hash of the stack's addresses, so an entry never changes and may be kept.
 */
import { lookupMap, valueStride, type MapHandle } from '../libbpf/index.js';
import { SONDE_STACK, STACK_FRAMES_MAX } from '../schema/index.js';
import type { ReadStack } from './session-types.js';
import type { WholeStacks } from './whole-stacks.js';

function offsetOf(field: string): number {
  return SONDE_STACK.fields.find(each => each.name === field)?.offsetBytes ?? 0;
}

const COUNT = offsetOf('count');
const PC = offsetOf('pc');

const FLAGS = offsetOf('flags');
const NEXT = offsetOf('next');

/** What `sondeStack.flags` says. */
const FLAG_REASONS = [
  [1, `more than ${STACK_FRAMES_MAX} frames`],
  [2, 'memory of the stack could not be read'],
  [4, 'the Go code beyond a switch of stacks is not known'],
  [8, 'code without unwind data'],
  [16, 'the frames of C code were lost'],
  [32, 'the C code that called back into Go is left out'],
] as const;

/** One entry: C or Go frames, and the id of those behind them. */
type StackPart = ReadStack & { readonly next: bigint };

const NOTHING: ReadStack = { pcs: [] };

/** Looks stacks up, each once. */
export class StackReader {
  readonly #map: MapHandle | undefined;
  readonly #whole: WholeStacks | undefined;
  readonly #seen = new Map<bigint, StackPart>();

  /** `whole` knows the stacks that user space unwound. */
  constructor(map: MapHandle | undefined, whole?: WholeStacks) {
    this.#map = map;
    this.#whole = whole;
  }

  /** Program counters, innermost first; none for 0 and for an id that nobody knows. */
  stack(id: bigint): ReadStack {
    const first = this.#part(id);
    if (first === undefined) return NOTHING;
    const outer = first.next === 0n ? undefined : this.#part(first.next);
    if (outer === undefined) return first;
    const truncated = first.truncated ?? outer.truncated;
    return {
      pcs: [...first.pcs, ...outer.pcs],
      ...(truncated !== undefined && { truncated }),
    };
  }

  #part(id: bigint): StackPart | undefined {
    if (id === 0n) return undefined;
    const copied = this.#whole?.stack(id);
    if (copied !== undefined) return copied;
    const known = this.#seen.get(id);
    return known ?? this.#read(id);
  }

  #read(id: bigint): StackPart | undefined {
    if (this.#map === undefined) return undefined;
    const value = new Uint8Array(valueStride(this.#map));
    if (!lookupMap(this.#map, new BigUint64Array([id]), value)) return undefined;
    const view = new DataView(value.buffer);
    const count = Math.min(view.getUint32(COUNT, true), STACK_FRAMES_MAX);
    // A count of 0 means that the probe is still writing: ask again next time.
    if (count === 0) return undefined;
    const pcs = Array.from({ length: count }, (_, i) => view.getBigUint64(PC + 8 * i, true));
    const flags = view.getUint32(FLAGS, true);
    const reason = FLAG_REASONS.find(([bit]) => (flags & bit) !== 0)?.[1];
    const next = view.getBigUint64(NEXT, true);
    const read = { pcs, next, ...(reason !== undefined && { truncated: reason }) };
    this.#seen.set(id, read);
    return read;
  }
}
