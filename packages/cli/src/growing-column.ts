/** Columns of numbers whose length is not known before: they double, and give a view at the end. */

/** A Float64Array that grows. */
export class GrowingColumn {
  #values = new Float64Array(1024);
  #length = 0;

  /** Appends a value. */
  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(2 * this.#length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  /** Number of values. */
  get length(): number {
    return this.#length;
  }

  /** The values so far; valid until the next push. */
  get values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}
