/**
 * Stack ids as small indices, in the order in which they were met. Ids are 64-bit hashes: they stay
 * two words here and become a bigint only when frames are asked for.
 */

/** Interns stack ids. Id 0, no stack, is an index like any other; its frames are none. */
export class StackTable {
  readonly #byHigh = new Map<number, Map<number, number>>();
  readonly #ids: bigint[] = [];
  readonly #exact = new Set<number>();
  readonly #canonical: (id: bigint) => bigint;

  /** `canonical` gives the one id of a stack that goes by several; by default each is its own. */
  constructor(canonical: (id: bigint) => bigint = id => id) {
    this.#canonical = canonical;
  }

  /** Number of stacks met so far. */
  get size(): number {
    return this.#ids.length;
  }

  /** The index of the id at `offset` of a view, little endian. */
  intern(view: DataView, offset: number): number {
    const low = view.getUint32(offset, true);
    const high = view.getUint32(offset + 4, true);
    let byLow = this.#byHigh.get(high);
    if (byLow === undefined) this.#byHigh.set(high, (byLow = new Map()));
    const known = byLow.get(low);
    if (known !== undefined) return known;
    const id = (BigInt(high) << 32n) | BigInt(low);
    const canonical = this.#canonical(id);
    const index = canonical === id ? this.#ids.length : this.#internId(canonical);
    byLow.set(low, index);
    if (index === this.#ids.length) this.#ids.push(id);
    return index;
  }

  #internId(id: bigint): number {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, id, true);
    return this.intern(view, 0);
  }

  /** Says that the first address of this stack is an instruction's own, not a return address. */
  markExact(index: number): void {
    this.#exact.add(index);
  }

  /** Whether the first address of this stack is an instruction's own. */
  isExact(index: number): boolean {
    return this.#exact.has(index);
  }

  /** The id of an index. */
  idOf(index: number): bigint {
    return this.#ids[index] ?? 0n;
  }
}
