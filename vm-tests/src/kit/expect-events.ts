/**
 * Waits until exactly the expected events have come, and says how they differ when they do not.
 *
 * The fact readers get wrong: it waits only for what is missing. An event that nobody expected, or
 * that comes once too often, cannot go away again, so it fails the test at once.
 */
import {
  comparisonText,
  compareEvents,
  type EventComparison,
  type SeenEvent,
} from './event-diff.js';
import type { EventLog } from './event-log.js';
import type { ExpectedEvent } from './matchers.js';

/** Time as a test may replace it; a {@link FakeClock}'s `now` and a sleep that advances it. */
export interface WaitClock {
  /** Nanoseconds that never go back. */
  readonly now: () => bigint;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/** Which events count, and how long to wait. */
export interface ExpectOptions<Event> {
  /** Events for which this is false are left out: other threads, other callers. Default: none. */
  readonly where?: (event: Event) => boolean;
  /** How long to wait for what is missing; 10 s by default, as emulated machines are slow. */
  readonly timeoutMs?: number;
  /** How long to look for events too many once all have come; 0 by default. */
  readonly settleMs?: number;
  /** Events beyond the expected ones are let be. */
  readonly others?: 'allowed';
  readonly clock?: WaitClock;
}

/**
 * The events were not those that a test expected: the message counts, `diff` shows line by line
 * what is different, missing or unexpected. Test runners print both.
 */
export class EventsDiffer extends Error {
  override readonly name = 'EventsDiffer';
  readonly diff: string;
  readonly #comparison: EventComparison;

  constructor(text: string, comparison: EventComparison, waitedMs: number, notes: string[]) {
    const [counts = '', ...lines] = text.split('\n');
    super([`${counts}, after ${waitedMs.toFixed(0)} ms`, ...notes].join('; '));
    this.diff = lines.join('\n');
    this.#comparison = comparison;
  }

  /** What was compared at the end of the wait; runners that print all properties leave it out. */
  get comparison(): EventComparison {
    return this.#comparison;
  }
}

const TIMEOUT_MS = 10_000;
const POLL_MS = 10;

const SYSTEM_CLOCK: WaitClock = {
  now: () => process.hrtime.bigint(),
  sleep: milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds)),
};

/**
 * Resolves with one event for each expectation, in the order of the expectations, as soon as all
 * have come. Rejects with {@link EventsDiffer} when one is missing or different after the time, or
 * as soon as there are too many. How many were compared is the length of what it returns; tell it
 * to the witness or to reportCompared.
 */
export async function expectEvents<Event extends object = SeenEvent>(
  log: EventLog<Event>,
  expected: readonly ExpectedEvent[],
  options: ExpectOptions<Event> = {},
): Promise<Event[]> {
  const { where = () => true, timeoutMs = TIMEOUT_MS, settleMs = 0, others } = options;
  const clock = options.clock ?? SYSTEM_CLOCK;
  const began = clock.now();
  const waitedMs = (): number => Number(clock.now() - began) / 1e6;
  const compare = (): EventComparison => {
    log.drain();
    return compareEvents(expected, log.events.filter(where) as SeenEvent[]);
  };
  const surplus = (found: EventComparison): number =>
    others === 'allowed' ? 0 : found.unexpected.length;
  let found = compare();
  while (!isMet(found) && waitedMs() < timeoutMs) {
    // More events than expectations: no later event makes that right.
    if (surplus(found) > found.missing.length) break;
    await clock.sleep(POLL_MS);
    found = compare();
  }
  if (isMet(found) && settleMs > 0) {
    await clock.sleep(settleMs);
    found = compare();
  }
  if (isMet(found) && surplus(found) === 0) return found.pairs as unknown as Event[];
  const shown = others === 'allowed' ? { ...found, unexpected: [] } : found;
  const text = comparisonText(shown, `expect ${log.what}`, log.show);
  // Without it, a condition that nothing meets looks like an event that never came.
  const left = log.events.length - log.events.filter(where).length;
  const notes = [
    ...(left > 0 ? [`\`where\` left out ${left} more`] : []),
    ...(log.lost ? [`lost: ${log.lost}`] : []),
  ];
  throw new EventsDiffer(text, found, waitedMs(), notes);
}

function isMet(found: EventComparison): boolean {
  return found.different.length === 0 && found.missing.length === 0;
}
