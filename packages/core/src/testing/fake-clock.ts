/**
 * Time as a value, for tests of anything that takes a `now`. The fact that is easy to get wrong: it
 * stands still until it is told to move.
 */

/** A clock of CLOCK_MONOTONIC's kind in the test's hands. */
export class FakeClock {
  #ns: bigint;

  constructor(startNs: bigint = 1_000_000_000n) {
    this.#ns = startNs;
  }

  /** The `now` to pass in; bound, so that it can be handed over as it is. */
  readonly now = (): bigint => this.#ns;

  /** Moves the clock forward. Throws RangeError for a step back: monotonic clocks have none. */
  advance(byNs: bigint): void {
    if (byNs < 0n) throw new RangeError(`advance clock by ${byNs} ns: it cannot go back`);
    this.#ns += byNs;
  }
}
