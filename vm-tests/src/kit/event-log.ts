/**
 * Events of one kind, decoded and kept in the order in which they came, out of a session or put in
 * by a test.
 *
 * The fact readers get wrong: events in the ring are seen only when the ring is read. `drain()`
 * reads it now; a test that looks at `events` without it sees what the session's timer has read.
 */
import type { EventCodec, ProbeModule } from '@sonde/core/decode';
import { toJson } from '@sonde/core/decode';
import { buildRecord, type FieldValues, type RecordOptions } from '@sonde/core/records';
import type { SeenEvent } from './event-diff.js';

/** What a log needs of a session. */
export interface EventSource {
  onEvent(probe: string, event: string, handler: (view: DataView, offset: number) => void): void;
  drain(): number;
  /** Brings `losses()` up to date. */
  refresh?(): void;
  /** What was lost on the way, by kind. */
  losses?(): object;
}

/** Events of one kind. */
export class EventLog<Event extends object = SeenEvent> {
  readonly events: Event[] = [];
  /** `block of offcpu`, as messages name what they are about. */
  readonly what: string;
  readonly #codec: EventCodec;
  readonly #module: ProbeModule;
  readonly #source: Pick<EventSource, 'drain' | 'refresh' | 'losses'>;

  /** An empty log; the unread is read from `source`. Throws for an unknown event. */
  constructor(
    module: ProbeModule,
    event: string,
    source: Pick<EventSource, 'drain' | 'refresh' | 'losses'> = { drain: () => 0 },
  ) {
    const codec = module.events[event];
    if (codec === undefined) {
      const names = Object.keys(module.events).join(', ');
      throw new RangeError(`record event ${event} of ${module.ir.name}: it has only ${names}`);
    }
    this.#codec = codec;
    this.#module = module;
    this.#source = source;
    this.what = `${event} of ${module.ir.name}`;
  }

  /** Decodes one record, as a session hands it out, and keeps the event. */
  take(view: DataView, offset = 0): void {
    this.events.push(this.#codec.decode(view, offset) as Event);
  }

  /** Builds the record that BPF would have sent, decodes it and keeps the event: no kernel. */
  put(values: FieldValues, options?: RecordOptions): void {
    this.take(buildRecord(this.#module.ir, this.#codec.name, values, options));
  }

  /** Reads what lies in the ring; returns the number of records. */
  drain(): number {
    return this.#source.drain();
  }

  /** What was lost so far, as `stackLost 15, ringFull 2`; empty for nothing. */
  get lost(): string {
    this.#source.refresh?.();
    const counts = Object.entries(this.#source.losses?.() ?? {});
    const some = counts.filter(([, count]) => typeof count === 'number' && count > 0);
    return some.map(([kind, count]) => `${kind} ${count}`).join(', ');
  }

  /** Forgets the events so far, between two steps of a test. */
  clear(): void {
    this.events.length = 0;
  }

  /** A field's value as a failed test shows it. */
  readonly show = (name: string, value: unknown): string => {
    const unit = this.#codec.columns.find(column => column.name === name)?.unit;
    if (unit === 'address' && (typeof value === 'bigint' || typeof value === 'number')) {
      return `0x${value.toString(16)}`;
    }
    if (typeof value === 'object' && value !== null) return JSON.stringify(toJson(value, unit));
    return String(value);
  };
}

/**
 * Keeps every event of one kind from now on. Call it right after the session was opened, before
 * anything else is awaited, or the first events are gone.
 */
export function recordEvents<Event extends object = SeenEvent>(
  session: EventSource,
  module: ProbeModule,
  event: string,
): EventLog<Event> {
  const log = new EventLog<Event>(module, event, session);
  session.onEvent(module.ir.name, event, (view, offset) => log.take(view, offset));
  return log;
}
