/**
 * When to look at the ring: at the kernel's notice, and every 20 ms in any case. The fact that is
 * easy to get wrong: probes ask for a notice only when a quarter of the ring is unread (a notice
 * per record costs the target four times as much), so the timer is not a fallback, it is the rule.
 */
import koffi from 'koffi';
import { asError } from '../errors.js';

type PollHandle = ReturnType<typeof koffi.node.poll>;

/** How long a record may lie in a quiet ring, in ms. */
export const TICK_MS = 20;

/** Reads some of the ring; returns how many records it handled, 0 when there was nothing. */
export type Drain = () => number;

/** Calls `drain` while anything is to be read, until close(). */
export class RingWakeup {
  // The handle is garbage collected when nothing holds it, and then events stop in silence.
  #handle: PollHandle | undefined;
  #timer: NodeJS.Timeout | undefined;
  #again: NodeJS.Immediate | undefined;
  #polling = false;
  readonly #drain: Drain;

  /** Starts at once. `onError` gets what `drain` throws; the wake-up stops then. */
  constructor(
    fd: number,
    drain: Drain,
    private readonly onError: (error: Error) => void,
  ) {
    this.#drain = drain;
    this.#handle = koffi.node.poll(fd, { readable: true }, () => this.#noticed());
    this.#polling = true;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  #noticed(): void {
    // Readable but nothing to take: the first record is still being written. The notice is
    // level-triggered and would spin, so rest until the next tick.
    if (this.#wake() === 0) this.#listen(false);
  }

  #tick(): void {
    this.#listen(true);
    this.#wake();
  }

  #wake(): number {
    if (this.#handle === undefined || this.#again !== undefined) return 1;
    let records: number;
    try {
      records = this.#drain();
    } catch (error) {
      this.close();
      this.onError(asError(error));
      return 0;
    }
    if (records > 0 && this.#handle !== undefined) {
      // Let timers and I/O have their turn between two steps of a storm.
      this.#again = setImmediate(() => {
        this.#again = undefined;
        this.#wake();
      });
    }
    return records;
  }

  #listen(on: boolean): void {
    if (this.#handle === undefined || this.#polling === on) return;
    this.#polling = on;
    if (on) this.#handle.start({ readable: true }, () => this.#noticed());
    else this.#handle.stop();
  }

  /** Stops for good. Idempotent. */
  close(): void {
    if (this.#handle === undefined) return;
    this.#handle.stop();
    this.#handle.close();
    this.#handle = undefined;
    clearInterval(this.#timer);
    clearImmediate(this.#again);
  }
}
