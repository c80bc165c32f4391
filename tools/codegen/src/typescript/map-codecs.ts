/**
 * Emits the codecs of a probe's maps and of its events, by which code that knows no probe reads
 * them. What a reader would get wrong: a map's value that is a struct has a cursor and columns too;
 * they are exported under the struct's name.
 */
import type { EventIr, FieldIr, MapIr, TypeIr } from '@sonde/core/schema';
import { docText, literal, type ModulePrinter } from './module-printer.js';
import { docBlock } from './plain-decoder.js';
import { plainRead } from './read-expression.js';
import { declaredFields, isBigint, isWide, type TypeNames } from './type-names.js';

const SETTERS: Readonly<Record<string, string>> = {
  u8: 'setUint8',
  s8: 'setInt8',
  bool: 'setUint8',
  u16: 'setUint16',
  s16: 'setInt16',
  u32: 'setUint32',
  s32: 'setInt32',
  u64: 'setBigUint64',
  s64: 'setBigInt64',
};

/** Appends `export const <map>Map`; nothing for a map without entries of its own. */
export function emitMap(map: MapIr, names: TypeNames, printer: ModulePrinter): boolean {
  if (map.key === undefined || map.value === undefined) return false;
  const types = `${names.plain(map.key)}, ${names.plain(map.value)}`;
  const write = writeKey(map.key, names);
  const members = [
    `keyBytes: ${names.bytes(map.key)},`,
    `valueBytes: ${names.bytes(map.value)},`,
    `decodeKey: ${readFunction(map.key, names, printer)},`,
    `decodeValue: ${readFunction(map.value, names, printer)},`,
    ...(write === undefined ? [] : [`encodeKey: (view, offset, key) => {\n${write}\n},`]),
  ];
  const codec = printer.useType('MapCodec');
  const head = `export const ${map.name}Map: ${codec}<${types}> =`;
  printer.add(`${docBlock(docText(map))}\n${head} {\n${members.join('\n')}\n};`);
  return true;
}

function readFunction(type: TypeIr, names: TypeNames, printer: ModulePrinter): string {
  const place = { view: 'view', base: 'offset', offsetBytes: 0 };
  const read = plainRead(type, place, names, printer);
  return /^(\w+)\(view, offset\)$/.exec(read)?.[1] ?? `(view, offset) => ${read}`;
}

/** Statements that write a key; undefined for keys that are more than a flat struct. */
function writeKey(type: TypeIr, names: TypeNames): string | undefined {
  if (type.kind !== 'struct') return writeScalar(type, 'offset', 'key', names);
  const struct = names.structOf(type.name);
  const lines = declaredFields(struct).map(field => {
    const at = field.offsetBytes === 0 ? 'offset' : `offset + ${field.offsetBytes}`;
    return writeScalar(field.type, at, `key.${field.name}`, names);
  });
  for (const padding of struct.fields.filter(field => field.padding === true)) {
    lines.push(...zeroPadding(padding));
  }
  return lines.includes(undefined) ? undefined : lines.join('\n');
}

/** Padding is part of a hash key: the kernel compares every byte. */
function zeroPadding(padding: FieldIr): string[] {
  if (padding.type.kind === 'bits') return [];
  return Array.from(
    { length: padding.sizeBytes },
    (_, index) => `view.setUint8(offset + ${padding.offsetBytes + index}, 0);`,
  );
}

function writeScalar(
  type: TypeIr,
  at: string,
  value: string,
  names: TypeNames,
): string | undefined {
  const scalar = type.kind === 'bits' ? undefined : names.storage(type);
  if (scalar === undefined) return undefined;
  const order = scalar === 'u8' || scalar === 's8' || scalar === 'bool' ? '' : ', true';
  let number = value;
  if (type.kind === 'enum') number = `${names.pascal(type.name)}[${value}]`;
  else if (scalar === 'bool') number = `${value} ? 1 : 0`;
  else if (type.kind === 'scalar' && isWide(scalar) && !isBigint(type.unit)) {
    number = `BigInt(${value})`;
  }
  return `view.${SETTERS[scalar]}(${at}, ${number}${order});`;
}

/** Appends `const <event>Codec`. */
export function emitEventCodec(event: EventIr, names: TypeNames, printer: ModulePrinter): void {
  const columns = declaredFields(event.struct).map(field => column(field, names));
  const time = 'when the record was made, CLOCK_MONOTONIC';
  columns.unshift(`{ name: 'ktimeNs', kind: 'bigint', unit: 'ktimeNs', about: ${literal(time)} },`);
  const codec = printer.useType('EventCodec');
  printer.add(
    `const ${event.name}Codec: ${codec} = {
      index: ${event.index},
      name: ${literal(event.name)},
      sizeBytes: ${event.struct.sizeBytes},
      decode: decode${names.pascal(event.name)},
      columns: [\n${columns.join('\n')}\n],
    };`,
  );
}

function column(field: FieldIr, names: TypeNames): string {
  const { name, type, about } = field;
  const unit = type.kind === 'scalar' || type.kind === 'bits' ? type.unit : elementUnit(type);
  const kind = columnKind(type, names);
  const members = Object.entries({ name, kind, unit, about });
  return `{ ${members.map(([key, value]) => `${key}: ${literal(value)}`).join(', ')} },`;
}

function elementUnit(type: TypeIr): string {
  if (type.kind === 'array' || type.kind === 'flexible') return elementUnit(type.of);
  return type.kind === 'scalar' ? type.unit : 'none';
}

function columnKind(type: TypeIr, names: TypeNames): string {
  switch (type.kind) {
    case 'array':
    case 'flexible':
      return 'list';
    case 'struct':
    case 'union':
      return 'object';
    case 'enum':
    case 'string':
    case 'bytes':
      return type.kind;
    default:
      return names.plain(type);
  }
}
