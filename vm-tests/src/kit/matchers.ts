/**
 * What a test expects of one field of an event: a value, or words with a predicate.
 *
 * The fact readers get wrong: numbers are compared by value, so `5` expects the bigint `5n` too. A
 * u64 of a schema is decoded as whichever of the two is exact.
 */

/** A condition on a field, with the words by which a failed test shows it. */
export interface Matcher {
  readonly words: string;
  readonly fits: (value: unknown) => boolean;
}

/** A field that is expected: a value, or a condition. */
export type ExpectedField = string | number | bigint | boolean | Uint8Array | Matcher;

/** The fields of an event that a test cares about, by name; the others may be anything. */
export type ExpectedEvent = Readonly<Record<string, ExpectedField>>;

/** A condition of the test's own; `words` complete the sentence "expected …". */
export function satisfies(words: string, fits: (value: unknown) => boolean): Matcher {
  return { words, fits };
}

function isNumeric(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** Expects `low` or more. */
export function atLeast(low: number | bigint): Matcher {
  return satisfies(`at least ${low}`, value => isNumeric(value) && value >= low);
}

/** Expects a number of the closed range. Throws RangeError for one that holds nothing. */
export function between(low: number | bigint, high: number | bigint): Matcher {
  if (low > high) throw new RangeError(`expect between ${low} and ${high}: no number is`);
  return satisfies(`${low} to ${high}`, value => isNumeric(value) && value >= low && value <= high);
}

/** Expects one of some values. */
export function oneOf(...values: readonly (string | number | bigint | boolean)[]): Matcher {
  return satisfies(`one of ${values.join(', ')}`, value => values.some(each => same(each, value)));
}

/** A whole number as bigint; anything else as it is. */
function exact(value: unknown): unknown {
  return Number.isInteger(value) ? BigInt(value as number) : value;
}

function same(expected: unknown, value: unknown): boolean {
  if (typeof expected === 'bigint') return expected === exact(value);
  if (typeof value === 'bigint') return exact(expected) === value;
  if (expected instanceof Uint8Array && value instanceof Uint8Array) {
    return Buffer.from(expected).equals(value);
  }
  return expected === value;
}

function isMatcher(expected: ExpectedField): expected is Matcher {
  return typeof expected === 'object' && 'fits' in expected;
}

/** Whether a field is as expected. */
export function fieldFits(expected: ExpectedField, value: unknown): boolean {
  return isMatcher(expected) ? expected.fits(value) : same(expected, value);
}

/** An expectation as a failed test shows it; `show` prints plain values. */
export function expectedWords(
  expected: ExpectedField,
  show: (value: unknown) => string = String,
): string {
  return isMatcher(expected) ? expected.words : show(expected);
}
