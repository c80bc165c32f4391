/**
 * Text, bytes, enums and arrays out of a record. What a reader would get wrong: bytes here are
 * copies, safe to keep; only a cursor's `bytes` getters give a view that dies with the record.
 */

const decoder = new TextDecoder();

/** The text at `offset`: at most `length` bytes, up to the first NUL, UTF-8 with replacement. */
export function readString(view: DataView, offset: number, length: number): string {
  let end = offset;
  while (end < offset + length && view.getUint8(end) !== 0) end += 1;
  return decoder.decode(viewBytes(view, offset, end - offset));
}

/** A copy of `length` bytes at `offset`. */
export function readBytes(view: DataView, offset: number, length: number): Uint8Array {
  return viewBytes(view, offset, length).slice();
}

/** `length` bytes at `offset` without a copy: valid as long as the memory behind `view`. */
export function viewBytes(view: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, length);
}

/** `length` elements of `stride` bytes each, decoded one by one. */
export function readArray<Element>(
  view: DataView,
  offset: number,
  length: number,
  stride: number,
  element: (view: DataView, offset: number) => Element,
): Element[] {
  return Array.from({ length }, (_, index) => element(view, offset + index * stride));
}

/** The names of an enum's values by number. */
export function enumNames<Name extends string>(
  values: Readonly<Record<Name, number>>,
): ReadonlyMap<number, Name> {
  const entries = Object.entries(values) as [Name, number][];
  return new Map(entries.map(([name, value]) => [value, name]));
}

/** The name of one value; throws a RangeError for a number that the schema does not have. */
export function enumName<Name extends string>(
  names: ReadonlyMap<number, Name>,
  value: number,
  what: string,
): Name {
  const name = names.get(value);
  if (name !== undefined) return name;
  throw new RangeError(`decode ${what}: ${value} is none of ${[...names.values()].join(', ')}`);
}
