/**
 * The length checks that generated decoders make once per record, before they read a field. What a
 * reader would get wrong: a record is checked twice over, against the memory it lies in and against
 * the size in its own header, because a decoder of another schema would pass the first.
 */

/** Bytes of the header that every record starts with. */
export const HEADER_BYTES = 16;

const SIZE_OFFSET = 4;
const KTIME_OFFSET = 8;

/** Throws a RangeError unless `sizeBytes` bytes lie at `offset`; `what` names the type. */
export function checkBytes(view: DataView, offset: number, sizeBytes: number, what: string): void {
  if (offset >= 0 && offset + sizeBytes <= view.byteLength) return;
  refuseBytes(view, offset, sizeBytes, what);
}

/** Throws a RangeError unless a record of exactly `sizeBytes` bytes, header included, lies here. */
export function checkRecord(view: DataView, offset: number, sizeBytes: number, what: string): void {
  if (offset < 0 || offset + sizeBytes > view.byteLength) {
    refuseBytes(view, offset, sizeBytes, what);
  }
  if (view.getUint32(offset + SIZE_OFFSET, true) !== sizeBytes) {
    refuseRecord(view, offset, sizeBytes, what);
  }
}

// Both apart from their callers, which run once per record and stay small enough to be inlined.
function refuseBytes(view: DataView, offset: number, sizeBytes: number, what: string): never {
  throw new RangeError(
    `decode ${what}: ${sizeBytes} bytes at ${offset} end after the ${view.byteLength} bytes given`,
  );
}

function refuseRecord(view: DataView, offset: number, sizeBytes: number, what: string): never {
  const size = view.getUint32(offset + SIZE_OFFSET, true);
  throw new RangeError(`decode ${what}: record of ${size} bytes, expected ${sizeBytes}`);
}

/** Throws a RangeError unless `length` is a count that the schema allows. */
export function checkLength(length: number, maxLength: number, what: string): void {
  if (length <= maxLength) return;
  throw new RangeError(`decode ${what}: length ${length} is above the maximum of ${maxLength}`);
}

/** Throws a RangeError unless `index` is a whole number from 0 to `length - 1`. */
export function checkIndex(index: number, length: number, what: string): void {
  if (Number.isInteger(index) && index >= 0 && index < length) return;
  throw new RangeError(`read ${what}: index ${index} is outside 0 … ${length - 1}`);
}

/** The header's time of a record at `offset`: CLOCK_MONOTONIC nanoseconds. */
export function readKtimeNs(view: DataView, offset: number): bigint {
  return view.getBigUint64(offset + KTIME_OFFSET, true);
}
