/**
 * Columns of the two streams of a trace: births and deaths of large Go objects, and page faults.
 * The fact a reader gets wrong: handlers must be in place before anything is awaited after the
 * session opened, and the view that they get is the ring itself: only numbers are kept.
 */
import type { ProbeIr } from '@sonde/core/schema';
import type { FaultColumns, GoLargeObservation } from '@sonde/memory';
import { GrowingColumn } from './growing-column.js';
import { eventField, readNumber, readSince, type FieldPlace } from './row-reader.js';
import type { StackTable } from './stack-table.js';
import type { TracedSession } from './traced-session.js';

/**
 * More rows of one event than this are counted and dropped: they would not fit the report's use.
 */
const ROWS_MAX = 4_000_000;
/** The record's header holds its time behind event, flags and size. */
const HEADER_TIME: FieldPlace = { offsetBytes: 8, sizeBytes: 8 };

/** One event's rows: the fields asked for, and its time. */
class EventRows {
  readonly atNs = new GrowingColumn();
  readonly address = new GrowingColumn();
  readonly sizeBytes = new GrowingColumn();
  readonly stack = new GrowingColumn();
  dropped = 0;
}

interface EventShape {
  readonly event: string;
  readonly size: boolean;
  readonly stack: boolean;
  /** The stack's first address is the instruction that caused the event. */
  readonly exact?: boolean;
}

function record(
  session: TracedSession,
  ir: ProbeIr,
  shape: EventShape,
  stacks: StackTable,
  startNs: bigint,
): EventRows {
  const rows = new EventRows();
  const address = eventField(ir, shape.event, 'address');
  const size = shape.size ? eventField(ir, shape.event, 'sizeBytes') : undefined;
  const stack = shape.stack ? eventField(ir, shape.event, 'stack') : undefined;
  session.onEvent(ir.name, shape.event, (view, offset) => {
    if (rows.atNs.length >= ROWS_MAX) {
      rows.dropped++;
      return;
    }
    rows.atNs.push(Math.max(0, readSince(view, offset, HEADER_TIME, startNs)));
    rows.address.push(readNumber(view, offset, address));
    if (size) rows.sizeBytes.push(readNumber(view, offset, size));
    if (stack === undefined) return;
    const index = stacks.intern(view, offset + stack.offsetBytes);
    if (shape.exact === true) stacks.markExact(index);
    rows.stack.push(index);
  });
  return rows;
}

/** Records large Go objects. */
export class GoLargeRecorder {
  readonly #births: EventRows;
  readonly #deaths: EventRows;

  constructor(session: TracedSession, ir: ProbeIr, stacks: StackTable, startNs: bigint) {
    const birth = { event: 'large', size: true, stack: true };
    const death = { event: 'free', size: false, stack: false };
    this.#births = record(session, ir, birth, stacks, startNs);
    this.#deaths = record(session, ir, death, stacks, startNs);
  }

  /** Rows that did not fit. */
  get dropped(): number {
    return this.#births.dropped + this.#deaths.dropped;
  }

  /** The columns so far. */
  finish(): GoLargeObservation {
    return {
      address: this.#births.address.values,
      sizeBytes: this.#births.sizeBytes.values,
      stack: Uint32Array.from(this.#births.stack.values),
      atNs: this.#births.atNs.values,
      freeAddress: this.#deaths.address.values,
      freeAtNs: this.#deaths.atNs.values,
    };
  }
}

/** Records page faults. */
export class FaultRecorder {
  readonly #faults: EventRows;

  constructor(session: TracedSession, ir: ProbeIr, stacks: StackTable, startNs: bigint) {
    const shape = { event: 'fault', size: false, stack: true, exact: true };
    this.#faults = record(session, ir, shape, stacks, startNs);
  }

  /** Rows that did not fit. */
  get dropped(): number {
    return this.#faults.dropped;
  }

  /** The columns so far. */
  finish(): FaultColumns {
    return {
      address: this.#faults.address.values,
      atNs: this.#faults.atNs.values,
      stack: Uint32Array.from(this.#faults.stack.values),
    };
  }
}
