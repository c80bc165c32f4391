/**
 * Events as rows, straight from a probe's columns: a table for people or NDJSON for programs. The
 * fact a reader gets wrong: the ring promises no order across CPUs, so rows may be a few
 * microseconds out of order, and each carries its own time.
 */
import { getSystemErrorMap } from 'node:util';
import { toJson, type ColumnInfo, type EventCodec, type JsonValue } from '@sonde/core/decode';

/** Writes rows of one kind of output. */
export interface RowWriter {
  /** The text of one event, header lines included where they are due. */
  row(codec: EventCodec, event: Readonly<Record<string, unknown>>): string;
}

/** What rows show of stacks; RunStacks is one. */
export interface RowStacks {
  canonical(id: bigint): bigint;
  /** A few words for a cell. */
  cell(id: bigint): string;
  /** The whole stack the first time, nothing later. */
  lines(id: bigint): string;
  json(id: bigint): Readonly<Record<string, JsonValue>> | undefined;
}

/**
 * One JSON object a line: the probe, the event, then its columns by name. Before the first event of
 * a stack comes a line of event `stack`, with its id, all frames, and why some are missing.
 */
export class JsonLines implements RowWriter {
  readonly #probe: string;
  readonly #stacks: RowStacks;

  constructor(probe: string, stacks: RowStacks) {
    this.#probe = probe;
    this.#stacks = stacks;
  }

  row(codec: EventCodec, event: Readonly<Record<string, unknown>>): string {
    const values: Record<string, JsonValue> = { probe: this.#probe, event: codec.name };
    let before = '';
    for (const column of codec.columns) {
      let value = event[column.name];
      if (isStack(column, value)) {
        const stack = this.#stacks.json(value);
        if (stack !== undefined) before += `${JSON.stringify({ probe: this.#probe, ...stack })}\n`;
        value = this.#stacks.canonical(value);
      }
      values[column.name] = jsonCell(column, value);
    }
    return `${before}${JSON.stringify(values)}\n`;
  }
}

function isStack(column: ColumnInfo, value: unknown): value is bigint {
  return column.unit === 'stackId' && typeof value === 'bigint';
}

/** A bigint is a number where that is exact, but for ids and clocks, which are always text. */
function jsonCell(column: ColumnInfo, value: unknown): JsonValue {
  if (typeof value === 'bigint' && column.unit !== 'address' && column.unit !== 'stackId') {
    if (column.unit !== 'ktimeNs' && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  }
  return toJson(value, column.unit);
}

/** Rows after which a header is shown again when another event came between. */
const HEADER_EVERY = 30;

/**
 * Aligned columns; each event has its own header, repeated when it was long ago. Below the first
 * row of a stack stand its frames.
 */
export class Table implements RowWriter {
  readonly #startNs: bigint;
  readonly #stacks: RowStacks;
  readonly #headerAt = new Map<string, number>();
  #last = '';
  #rows = 0;

  /** `startNs` is subtracted from clock columns. */
  constructor(startNs: bigint, stacks: RowStacks) {
    this.#startNs = startNs;
    this.#stacks = stacks;
  }

  row(codec: EventCodec, event: Readonly<Record<string, unknown>>): string {
    this.#rows++;
    const shownAt = this.#headerAt.get(codec.name);
    const due = shownAt === undefined || this.#rows - shownAt > HEADER_EVERY;
    const head = due && this.#last !== codec.name ? this.#header(codec) : '';
    this.#last = codec.name;
    const cells = codec.columns.map(column => {
      const text = this.#cell(column, event[column.name]);
      return isLeft(column) ? text.padEnd(widthOf(column)) : text.padStart(widthOf(column));
    });
    const frames = codec.columns.map(column => {
      const value = event[column.name];
      return isStack(column, value) ? this.#stacks.lines(value) : '';
    });
    return `${head}${`${codec.name.padEnd(8)}  ${cells.join('  ')}`.trimEnd()}\n${frames.join('')}`;
  }

  #header(codec: EventCodec): string {
    this.#headerAt.set(codec.name, this.#rows);
    const cells = codec.columns.map(column => {
      const title = titleOf(column);
      return isLeft(column) ? title.padEnd(widthOf(column)) : title.padStart(widthOf(column));
    });
    return `${`${'EVENT'.padEnd(8)}  ${cells.join('  ')}`.trimEnd()}\n`;
  }

  #cell(column: ColumnInfo, value: unknown): string {
    if (column.unit === 'ktimeNs' && typeof value === 'bigint') {
      return value === 0n ? '-' : (Number(value - this.#startNs) / 1e9).toFixed(6);
    }
    if (isStack(column, value)) return this.#stacks.cell(value);
    if (column.unit === 'address' && typeof value === 'bigint') {
      return value === 0n ? '-' : `0x${value.toString(16)}`;
    }
    if (column.unit === 'durationNs') return shownSpan(Number(value));
    if (column.unit === 'errno') return shownError(Number(value));
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    if (typeof value === 'object' && value !== null) return JSON.stringify(toJson(value));
    return String(value);
  }
}

/** `1.234 s`, `20.07 ms`, `18.4 us` or `312 ns`: four digits that mean something. */
export function shownSpan(ns: number): string {
  const [divisor, unit] = ns >= 1e9 ? [1e9, 's'] : ns >= 1e6 ? [1e6, 'ms'] : [1e3, 'us'];
  return ns < 1e3 ? `${ns} ns` : `${(ns / divisor).toPrecision(4)} ${unit}`;
}

/** `ENOMEM` for -12, as the kernel returns errors; the number where it has no name. */
function shownError(error: number): string {
  if (error === 0) return '-';
  return getSystemErrorMap().get(error)?.[0] ?? String(error);
}

/** The record's own time is shown in seconds; other clocks keep their name, without the unit. */
function titleOf({ name, unit }: ColumnInfo): string {
  if (unit !== 'ktimeNs') return name;
  return name === 'ktimeNs' ? 'seconds' : name.replace(/Ns$/, '');
}

function isLeft(column: ColumnInfo): boolean {
  return column.unit === 'stackId' || column.kind === 'string' || column.kind === 'enum';
}

const WIDTHS: Readonly<Partial<Record<ColumnInfo['unit'], number>>> = {
  ktimeNs: 11,
  address: 14,
  stackId: 44,
  bytes: 10,
  goid: 8,
  tid: 8,
  pid: 8,
};

function widthOf(column: ColumnInfo): number {
  const fallback = column.kind === 'string' ? 15 : 10;
  const title = titleOf(column);
  return Math.max(WIDTHS[column.unit] ?? fallback, title.length);
}
