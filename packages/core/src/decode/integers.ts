/**
 * Integers of 64 bits and bit-fields as JavaScript numbers. What a reader would get wrong: a number
 * is given only where it is exact; above 2^53 these throw, and the caller takes the bigint or the
 * two 32-bit words instead.
 */

const HIGH = 2 ** 32;
/** High words from here on make a number that a double cannot hold exactly. */
const HIGH_LIMIT = 2 ** 21;

/** An unsigned 64-bit integer from its words; throws a RangeError at 2^53 and above. */
export function wordsToNumber(low: number, high: number): number {
  return high < HIGH_LIMIT ? high * HIGH + low : refuseWide(low, high);
}

/**
 * The unsigned 64-bit integer at `offset`, little endian; throws a RangeError at 2^53 and above.
 */
export function readU64(view: DataView, offset: number): number {
  const low = view.getUint32(offset, true);
  const high = view.getUint32(offset + 4, true);
  return high < HIGH_LIMIT ? high * HIGH + low : refuseWide(low, high);
}

// Apart from its callers, so that they stay small enough for V8 to inline eight in one loop.
function refuseWide(low: number, high: number): never {
  const value = (BigInt(high) << 32n) | BigInt(low);
  throw new RangeError(`read u64: ${value} is above 2^53; read it as bigint or as two words`);
}

/** The signed 64-bit integer at `offset`, little endian; throws a RangeError beyond ±2^53. */
export function readS64(view: DataView, offset: number): number {
  const value = view.getInt32(offset + 4, true) * HIGH + view.getUint32(offset, true);
  if (Number.isSafeInteger(value)) return value;
  const exact = view.getBigInt64(offset, true);
  throw new RangeError(`read s64: ${exact} is beyond 2^53; read it as bigint or as two words`);
}

/** `bits` bits from `bitOffset` on of an unsigned storage unit of at most 32 bits. */
export function unsignedBits(unit: number, bitOffset: number, bits: number): number {
  return (unit << (32 - bitOffset - bits)) >>> (32 - bits);
}

/** The same bits as a two's complement number. */
export function signedBits(unit: number, bitOffset: number, bits: number): number {
  return (unit << (32 - bitOffset - bits)) >> (32 - bits);
}

/** A bit-field of the 64-bit storage unit at `offset`, unsigned. */
export function readWideBits(
  view: DataView,
  offset: number,
  bitOffset: number,
  bits: number,
): bigint {
  return BigInt.asUintN(bits, view.getBigUint64(offset, true) >> BigInt(bitOffset));
}

/** A bit-field of the 64-bit storage unit at `offset`, in two's complement. */
export function readSignedWideBits(
  view: DataView,
  offset: number,
  bitOffset: number,
  bits: number,
): bigint {
  return BigInt.asIntN(bits, view.getBigUint64(offset, true) >> BigInt(bitOffset));
}

/** A bigint as a number; throws a RangeError where that would not be exact. `what` names it. */
export function exactNumber(value: bigint, what: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new RangeError(`read ${what}: ${value} is beyond 2^53; read it as bigint`);
}
