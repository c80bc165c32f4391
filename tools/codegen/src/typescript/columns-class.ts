/**
 * Emits the column decoder of a struct: typed arrays that records are appended to, for high rates.
 * What a reader would get wrong: 64-bit integers take two columns of words, so that nothing is
 * rounded and no bigint is made; composite fields keep their bytes and are decoded by row on
 * demand.
 */
import {
  StructureKind,
  type MethodDeclarationStructure,
  type OptionalKind,
  type PropertyDeclarationStructure,
} from 'ts-morph';
import type { FieldIr, ScalarName, StructIr, TypeIr } from '@sonde/core/schema';
import { docText, literal, memberDoc, type ModulePrinter } from './module-printer.js';
import { checkStatement, VIEW_PARAMETERS } from './plain-decoder.js';
import {
  bitsRead,
  fieldRead,
  lengthRead,
  offsetText,
  rawRead,
  wideBitsRead,
  type Place,
} from './read-expression.js';
import { declaredFields, isRecord, isWide, type TypeNames } from './type-names.js';

const ARRAYS: Readonly<Record<ScalarName, string>> = {
  u8: 'Uint8Array',
  s8: 'Int8Array',
  bool: 'Uint8Array',
  u16: 'Uint16Array',
  s16: 'Int16Array',
  u32: 'Uint32Array',
  s32: 'Int32Array',
  u64: 'BigUint64Array',
  s64: 'BigInt64Array',
};

/** What one field adds to the class. */
interface ColumnParts {
  readonly properties: { name: string; array: string; width: number; about: string }[];
  readonly push: string[];
  readonly methods: OptionalKind<MethodDeclarationStructure>[];
  readonly json: string[];
}

const SOURCE: Place = { view: 'view', base: 'offset', offsetBytes: 0 };

/** Appends `class <Name>Columns` for a struct or an event. */
export function emitColumns(struct: StructIr, names: TypeNames, printer: ModulePrinter): void {
  const parts: ColumnParts = { properties: [], push: [], methods: [], json: [] };
  if (isRecord(struct)) {
    addWide(
      { name: 'ktimeNs', about: 'CLOCK_MONOTONIC nanoseconds' },
      'u64',
      8,
      'ktimeNs',
      parts,
      printer,
    );
  }
  const fields = declaredFields(struct);
  for (const field of fields) addField(field, fields, parts, names, printer);
  const column = printer.useType('JsonColumn');
  printer.add({
    kind: StructureKind.Class,
    isExported: true,
    name: `${names.pascal(struct.name)}Columns`,
    docs: [docText(struct, 'As columns: `rows` are filled, of `capacity`.')],
    properties: [...parts.properties.map(property), { name: '#rows', initializer: '0' }],
    ctors: [constructorOf(parts)],
    getAccessors: [
      {
        name: 'rows',
        returnType: 'number',
        docs: ['Rows that are filled.'],
        statements: ['return this.#rows;'],
      },
    ],
    methods: [
      {
        name: 'push',
        parameters: VIEW_PARAMETERS,
        returnType: 'boolean',
        docs: [
          'Appends what lies at `offset`; false when full. Throws RangeError on a wrong length.',
        ],
        statements: [
          checkStatement(struct, 'view', 'offset', names, printer),
          'const row = this.#rows;',
          'if (row === this.capacity) return false;',
          ...parts.push,
          'this.#rows = row + 1;',
          'return true;',
        ],
      },
      {
        name: 'reset',
        returnType: 'void',
        docs: ['Empties the columns and keeps their memory.'],
        statements: ['this.#rows = 0;'],
      },
      ...parts.methods,
      {
        name: 'toJSON',
        returnType: `Record<string, ${column}>`,
        docs: [
          'The filled rows as lists by column; wide integers as text where a number is not exact.',
        ],
        statements: [`return {\n${parts.json.join('\n')}\n};`],
      },
    ],
  });
}

function property({
  name,
  array,
  about,
}: ColumnParts['properties'][number]): OptionalKind<PropertyDeclarationStructure> {
  return { name, isReadonly: true, type: array, docs: [about] };
}

function constructorOf(parts: ColumnParts) {
  const columns = parts.properties.map(({ name, array, width }) => {
    const length = width === 1 ? 'capacity' : `capacity * ${width}`;
    return `this.${name} = new ${array}(${length});`;
  });
  return {
    docs: ['Reserves memory for `capacity` rows.'],
    parameters: [{ name: 'capacity', type: 'number', isReadonly: true }],
    statements: columns,
  };
}

function addWide(
  field: Pick<FieldIr, 'name' | 'about' | 'doc' | 'source'>,
  scalar: 'u64' | 's64',
  offsetBytes: number,
  unit: string,
  parts: ColumnParts,
  printer: ModulePrinter,
): void {
  const { name } = field;
  const high = scalar === 'u64' ? 'u32' : 's32';
  parts.properties.push(
    {
      name: `${name}Lo`,
      array: 'Uint32Array',
      width: 1,
      about: memberDoc({ ...field, about: `${field.about}, low 32 bits` }),
    },
    { name: `${name}Hi`, array: ARRAYS[high], width: 1, about: `High 32 bits of \`${name}\`.` },
  );
  parts.push.push(
    `this.${name}Lo[row] = ${rawRead('u32', { ...SOURCE, offsetBytes })};`,
    `this.${name}Hi[row] = ${rawRead(high, { ...SOURCE, offsetBytes: offsetBytes + 4 })};`,
  );
  const words = `this.${name}Lo, this.${name}Hi, this.#rows, ${literal(unit)}`;
  parts.json.push(`${name}: ${printer.use('jsonWords')}(${words}),`);
}

function addField(
  field: FieldIr,
  siblings: readonly FieldIr[],
  parts: ColumnParts,
  names: TypeNames,
  printer: ModulePrinter,
): void {
  const { type, name, offsetBytes } = field;
  const place = { ...SOURCE, offsetBytes };
  if (type.kind === 'scalar' && isWide(type.scalar)) {
    addWide(field, type.scalar as 'u64' | 's64', offsetBytes, type.unit, parts, printer);
    return;
  }
  if (type.kind === 'scalar' || type.kind === 'enum') {
    const scalar = names.storage(type) ?? 'u8';
    parts.properties.push({ name, array: ARRAYS[scalar], width: 1, about: memberDoc(field) });
    parts.push.push(`this.${name}[row] = ${rawRead(scalar, place)};`);
    parts.json.push(`${name}: ${narrowJson(field, scalar, printer)},`);
    return;
  }
  if (type.kind === 'bits') {
    addBits(field, type, place, parts, printer);
    return;
  }
  addBytes(field, siblings, parts, names, printer);
}

/** How a column of one-word values becomes JSON: numbers, true and false, or names. */
function narrowJson(field: FieldIr, scalar: ScalarName, printer: ModulePrinter): string {
  const value = `this.${field.name}[row]`;
  if (field.type.kind === 'enum') {
    const named = `${field.type.name}Name(${value} ?? 0)`;
    return `${printer.use('jsonRows')}(this.#rows, row => ${named})`;
  }
  if (scalar === 'bool') return `${printer.use('jsonRows')}(this.#rows, row => ${value} !== 0)`;
  return `${printer.use('jsonNumbers')}(this.${field.name}, this.#rows)`;
}

function addBits(
  field: FieldIr,
  type: Extract<TypeIr, { kind: 'bits' }>,
  place: Place,
  parts: ColumnParts,
  printer: ModulePrinter,
): void {
  const { name } = field;
  const wide = isWide(type.scalar);
  const bitOffset = field.bitOffset ?? 0;
  const read = wide
    ? wideBitsRead(type, bitOffset, place, printer)
    : bitsRead(type, bitOffset, place, name, printer);
  parts.properties.push({ name, array: ARRAYS[type.scalar], width: 1, about: memberDoc(field) });
  parts.push.push(`this.${name}[row] = ${read};`);
  const value = `this.${name}[row]`;
  // A plain number wherever every value of the field is one; text only for what may pass 2^53.
  const shown = wide && type.bits <= 53 ? `Number(${value})` : value;
  parts.json.push(
    wide
      ? `${name}: ${printer.use('jsonRows')}(this.#rows, row => ${shown}),`
      : `${name}: ${printer.use('jsonNumbers')}(this.${name}, this.#rows),`,
  );
}

/**
 * Strings, bytes, structs, unions and arrays: their bytes by row, and a method that decodes one.
 */
function addBytes(
  field: FieldIr,
  siblings: readonly FieldIr[],
  parts: ColumnParts,
  names: TypeNames,
  printer: ModulePrinter,
): void {
  const { name, type } = field;
  const flexible = type.kind === 'flexible';
  const width = flexible ? type.maxLength * names.bytes(type.of) : names.bytes(type);
  parts.properties.push({
    name,
    array: 'Uint8Array',
    width,
    about: memberDoc({ ...field, about: `${field.about}; ${width} bytes by row` }),
  });
  const length = flexible
    ? `${lengthRead(field, siblings, 'view', 'offset', printer)} * ${names.bytes(type.of)}`
    : `${width}`;
  const at = offsetText({ ...SOURCE, offsetBytes: field.offsetBytes });
  const target = width === 1 ? 'row' : `row * ${width}`;
  parts.push.push(
    `this.${name}.set(${printer.use('viewBytes')}(view, ${at}, ${length}), ${target});`,
  );
  parts.methods.push({
    name: `${name}At`,
    parameters: [{ name: 'row', type: 'number' }],
    returnType: names.plain(type),
    docs: [memberDoc({ ...field, about: `${field.about}, of one row` })],
    statements: [
      `${printer.use('checkIndex')}(row, this.#rows, ${literal(name)});`,
      `const view = new DataView(this.${name}.buffer, ${target}, ${width});`,
      `return ${rowRead(field, siblings, names, printer)};`,
    ],
  });
  const unit = type.kind === 'array' || flexible ? elementUnit(type) : 'none';
  const extra = unit === 'none' ? '' : `, ${literal(unit)}`;
  parts.json.push(
    `${name}: ${printer.use('jsonRows')}(this.#rows, row => this.${name}At(row)${extra}),`,
  );
}

/** Reads a field from its own bytes at 0; counts and tags come from their columns. */
function rowRead(
  field: FieldIr,
  siblings: readonly FieldIr[],
  names: TypeNames,
  printer: ModulePrinter,
): string {
  const alone: FieldIr = { ...field, offsetBytes: 0 };
  const read = fieldRead(alone, siblings, 'view', '0', names, printer);
  const { type } = field;
  if (type.kind === 'flexible') {
    const length = siblings.find(other => other.name === type.lengthField);
    const wide = length?.type.kind === 'scalar' && isWide(length.type.scalar);
    const count = `this.${type.lengthField}${wide ? 'Lo' : ''}[row] ?? 0`;
    return read.replace(lengthRead(field, siblings, 'view', '0', printer), count);
  }
  if (type.kind === 'union') {
    const { tagField } = names.unionOf(type.name);
    const tag = siblings.find(other => other.name === tagField);
    if (tag?.type.kind !== 'enum') throw new Error(`print columns of ${field.name}: no tag`);
    const column = `${tag.type.name}Name(this.${tagField}[row] ?? 0)`;
    return `decode${names.pascal(type.name)}(view, 0, ${column})`;
  }
  return read;
}

/** The unit of an array's innermost element. */
function elementUnit(type: TypeIr): string {
  if (type.kind === 'array' || type.kind === 'flexible') return elementUnit(type.of);
  return type.kind === 'scalar' ? type.unit : 'none';
}
