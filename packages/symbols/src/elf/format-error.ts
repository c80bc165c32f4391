/**
 * The error of every reader of foreign bytes. What a reader would get wrong: `offset` counts in
 * the file (or buffer) that was being read, not in the section where the trouble was found.
 */

/** Bytes that are not what their format says: where, what was wrong, and the offending value. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  /** Byte offset in the file or buffer at which the wrong value stands. */
  readonly offset: number;
  /** What was expected or violated, in lower case, without the value. */
  readonly what: string;
  /** The value that was found; undefined where something was absent. */
  readonly value: unknown;
  /** What to do about it; undefined where nothing but another file helps. */
  readonly hint: string | undefined;

  constructor(
    offset: number,
    what: string,
    value?: unknown,
    options?: { cause?: unknown; hint?: string },
  ) {
    super(`${what}${printValue(value)} (at offset 0x${offset.toString(16)})`, options);
    this.offset = offset;
    this.what = what;
    this.value = value;
    this.hint = options?.hint;
  }
}

function printValue(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'number') return `: 0x${value.toString(16)}`;
  if (typeof value === 'bigint') return `: 0x${value.toString(16)}`;
  return `: ${String(value)}`;
}
