/**
 * Stacks by their id, out of the map that all objects of a session share. The fact that is easy to
 * get wrong: an id is a hash of the stack's addresses, so an entry never changes and may be kept.
 */
import { lookupMap, valueStride, type MapHandle } from '../libbpf/index.js';
import { SONDE_STACK, STACK_FRAMES_MAX } from '../schema/index.js';

function offsetOf(field: string): number {
  return SONDE_STACK.fields.find(each => each.name === field)?.offsetBytes ?? 0;
}

const COUNT = offsetOf('count');
const PC = offsetOf('pc');

/** Looks stacks up, each once. */
export class StackReader {
  readonly #map: MapHandle | undefined;
  readonly #seen = new Map<bigint, readonly bigint[]>();

  constructor(map: MapHandle | undefined) {
    this.#map = map;
  }

  /** Program counters, innermost first; [] for 0 and for an id that the map does not hold. */
  stack(id: bigint): readonly bigint[] {
    if (id === 0n || this.#map === undefined) return [];
    const known = this.#seen.get(id);
    if (known !== undefined) return known;
    const value = new Uint8Array(valueStride(this.#map));
    if (!lookupMap(this.#map, new BigUint64Array([id]), value)) return [];
    const view = new DataView(value.buffer);
    const count = Math.min(view.getUint32(COUNT, true), STACK_FRAMES_MAX);
    const pcs: bigint[] = [];
    for (let i = 0; i < count; i++) pcs.push(view.getBigUint64(PC + 8 * i, true));
    // A count of 0 means that the probe is still writing: ask again next time.
    if (count > 0) this.#seen.set(id, pcs);
    return pcs;
  }
}
