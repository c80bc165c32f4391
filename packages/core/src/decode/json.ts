/**
 * Decoded values as JSON. What a reader would get wrong: JSON has no 64-bit integers, so addresses
 * and stack ids become hexadecimal text and every other bigint decimal text; a consumer never meets
 * a number that was rounded.
 */
import type { Unit } from '../schema/ir.js';

/** What JSON can hold. */
export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue };

/** A column of JSON values, one for each row. */
export type JsonColumn = readonly JsonValue[];

/** One decoded value; `unit` decides how a bigint is written. Throws for functions and symbols. */
export function toJson(value: unknown, unit: Unit = 'none'): JsonValue {
  if (typeof value === 'bigint') return wideText(value, unit);
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(element => toJson(element, unit));
  if (typeof value !== 'object') throw new TypeError(`write JSON: a ${typeof value} has no form`);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toJson(member)]));
}

function wideText(value: bigint, unit: Unit): string {
  return unit === 'address' || unit === 'stackId' ? `0x${value.toString(16)}` : value.toString();
}

/** The first `rows` numbers of a typed array. */
export function jsonNumbers(column: ArrayLike<number>, rows: number): JsonColumn {
  return Array.from({ length: rows }, (_, row) => column[row] ?? null);
}

/** The first `rows` 64-bit integers of two columns of words; exact numbers, or text by unit. */
export function jsonWords(
  low: Uint32Array,
  high: Uint32Array | Int32Array,
  rows: number,
  unit: Unit,
): JsonColumn {
  const asText = unit === 'address' || unit === 'stackId' || unit === 'ktimeNs';
  return jsonRows(rows, row => {
    const value = (BigInt(high[row] ?? 0) << 32n) | BigInt(low[row] ?? 0);
    const number = Number(value);
    return !asText && Number.isSafeInteger(number) ? number : wideText(value, unit);
  });
}

/** One value for each row, from whatever `value` gives for it. */
export function jsonRows(
  rows: number,
  value: (row: number) => unknown,
  unit: Unit = 'none',
): JsonColumn {
  return Array.from({ length: rows }, (_, row) => toJson(value(row), unit));
}
