/**
 * Expressions that read one value at an offset. What a reader would get wrong: `view` and `at` are
 * texts of the generated code (`view`, `this.#view`; `offset`, `this.#offset`), not values here.
 */
import type { FieldIr, ScalarName, TypeIr } from '@sonde/core/schema';
import { literal, type ModulePrinter } from './module-printer.js';
import { isBigint, isWide, type TypeNames } from './type-names.js';

const GETTERS: Readonly<Record<ScalarName, string>> = {
  u8: 'getUint8',
  s8: 'getInt8',
  bool: 'getUint8',
  u16: 'getUint16',
  s16: 'getInt16',
  u32: 'getUint32',
  s32: 'getInt32',
  u64: 'getBigUint64',
  s64: 'getBigInt64',
};

/** Where a value lies in generated code: the view's name, the base's name, bytes from the base. */
export interface Place {
  readonly view: string;
  readonly base: string;
  readonly offsetBytes: number;
  /** Further terms, such as `index * 8`. */
  readonly terms?: readonly string[];
}

/** `offset + 16`, without a term that is 0. */
export function offsetText(place: Place): string {
  const terms = place.offsetBytes === 0 ? [] : [`${place.offsetBytes}`];
  return [place.base, ...terms, ...(place.terms ?? [])].join(' + ');
}

/** A DataView call for the raw integer; 64-bit scalars give a bigint. */
export function rawRead(scalar: ScalarName, place: Place): string {
  const order = scalar === 'u8' || scalar === 's8' || scalar === 'bool' ? '' : ', true';
  return `${place.view}.${GETTERS[scalar]}(${offsetText(place)}${order})`;
}

/** The value's own number (0 or 1 for bool, the code of an enum), exact or a RangeError. */
export function numberRead(scalar: ScalarName, place: Place, printer: ModulePrinter): string {
  if (!isWide(scalar)) return rawRead(scalar, place);
  const name = printer.use(scalar === 'u64' ? 'readU64' : 'readS64');
  return `${name}(${place.view}, ${offsetText(place)})`;
}

/** A bit-field as number; as bigint where its unit has 64 bits and it may pass 2^53. */
export function bitsRead(
  type: Extract<TypeIr, { kind: 'bits' }>,
  bitOffset: number,
  place: Place,
  what: string,
  printer: ModulePrinter,
): string {
  if (!isWide(type.scalar)) {
    const name = printer.use(type.scalar.startsWith('s') ? 'signedBits' : 'unsignedBits');
    const unit = type.scalar.replace('s', 'u') as ScalarName;
    return `${name}(${rawRead(unit, place)}, ${bitOffset}, ${type.bits})`;
  }
  const wide = wideBitsRead(type, bitOffset, place, printer);
  return type.bits > 53 ? wide : `${printer.use('exactNumber')}(${wide}, ${literal(what)})`;
}

/** A bit-field of a 64-bit unit as bigint. */
export function wideBitsRead(
  type: Extract<TypeIr, { kind: 'bits' }>,
  bitOffset: number,
  place: Place,
  printer: ModulePrinter,
): string {
  const name = printer.use(type.scalar === 's64' ? 'readSignedWideBits' : 'readWideBits');
  return `${name}(${place.view}, ${offsetText(place)}, ${bitOffset}, ${type.bits})`;
}

/** The plain value of a type: a copy that outlives the record. */
export function plainRead(
  type: TypeIr,
  place: Place,
  names: TypeNames,
  printer: ModulePrinter,
): string {
  const at = `${place.view}, ${offsetText(place)}`;
  switch (type.kind) {
    case 'scalar':
      if (type.scalar === 'bool') return `${rawRead('bool', place)} !== 0`;
      return isWide(type.scalar) && isBigint(type.unit)
        ? rawRead(type.scalar, place)
        : numberRead(type.scalar, place, printer);
    case 'enum':
      return `${type.name}Name(${rawRead(names.enumOf(type.name).scalar, place)})`;
    case 'struct':
      return `decode${names.pascal(type.name)}(${at})`;
    case 'string':
      return `${printer.use('readString')}(${at}, ${type.bytes})`;
    case 'bytes':
      return `${printer.use('readBytes')}(${at}, ${type.bytes})`;
    case 'array':
      return arrayRead(type.of, `${type.length}`, place, names, printer);
    default:
      throw new Error(`print read of ${type.kind}: needs its field`);
  }
}

/** A call of `readArray` for `length` elements; `length` is text. */
export function arrayRead(
  element: TypeIr,
  length: string,
  place: Place,
  names: TypeNames,
  printer: ModulePrinter,
): string {
  const stride = names.bytes(element);
  const inner = plainRead(element, { view: 'item', base: 'at', offsetBytes: 0 }, names, printer);
  const decode = /^(\w+)\(item, at\)$/.exec(inner)?.[1] ?? `(item, at) => ${inner}`;
  const at = `${place.view}, ${offsetText(place)}`;
  return `${printer.use('readArray')}(${at}, ${length}, ${stride}, ${decode})`;
}

/** The plain value of a field, bit-fields, unions and flexible arrays included. */
export function fieldRead(
  field: FieldIr,
  siblings: readonly FieldIr[],
  view: string,
  base: string,
  names: TypeNames,
  printer: ModulePrinter,
): string {
  const place = { view, base, offsetBytes: field.offsetBytes };
  const { type } = field;
  if (type.kind === 'bits') {
    return bitsRead(type, field.bitOffset ?? 0, place, field.name, printer);
  }
  if (type.kind === 'union') {
    const tag = tagOf(field, siblings, names);
    const tagRead = plainRead(tag.type, { ...place, offsetBytes: tag.offsetBytes }, names, printer);
    return `decode${names.pascal(type.name)}(${view}, ${offsetText(place)}, ${tagRead})`;
  }
  if (type.kind === 'flexible') {
    const length = lengthRead(field, siblings, view, base, printer);
    return arrayRead(type.of, length, place, names, printer);
  }
  return plainRead(type, place, names, printer);
}

/** The enum field beside a union that says which variant lies in it. */
export function tagOf(field: FieldIr, siblings: readonly FieldIr[], names: TypeNames): FieldIr {
  if (field.type.kind !== 'union') throw new Error(`print tag of ${field.name}: not a union`);
  const { tagField } = names.unionOf(field.type.name);
  const tag = siblings.find(other => other.name === tagField);
  if (tag === undefined) throw new Error(`print tag of ${field.name}: no field ${tagField}`);
  return tag;
}

/** The element count of a flexible array, read from its length field. */
export function lengthRead(
  field: FieldIr,
  siblings: readonly FieldIr[],
  view: string,
  base: string,
  printer: ModulePrinter,
): string {
  const { type } = field;
  if (type.kind !== 'flexible') throw new Error(`print length of ${field.name}: not flexible`);
  const length = siblings.find(other => other.name === type.lengthField);
  if (length?.type.kind !== 'scalar') throw new Error(`print length of ${field.name}: no field`);
  return numberRead(length.type.scalar, { view, base, offsetBytes: length.offsetBytes }, printer);
}
