/**
 * Emits plain types and their decoders: one object per record, for low rates, tables and tests.
 */
import { StructureKind, type StatementStructures } from 'ts-morph';
import type { EnumIr, FieldIr, StructIr, UnionIr } from '@sonde/core/schema';
import { docText, literal, memberDoc, type ModulePrinter } from './module-printer.js';
import { fieldRead, lengthRead } from './read-expression.js';
import { declaredFields, isRecord, type TypeNames } from './type-names.js';

/** The enum as a constant object, a type of its names, and a function from number to name. */
export function emitEnum(type: EnumIr, names: TypeNames, printer: ModulePrinter): void {
  const name = names.pascal(type.name);
  const values = type.values.map(
    value => `  /** ${value.about} */\n  ${value.name}: ${value.value},`,
  );
  const table = `${type.name}Names`;
  printer.add(
    `${docBlock(docText(type))}\nexport const ${name} = {\n${values.join('\n')}\n} as const;`,
    `/** A name of {@link ${name}}. */\nexport type ${name} = keyof typeof ${name};`,
    `const ${table} = ${printer.use('enumNames')}(${name});`,
    {
      kind: StructureKind.Function,
      isExported: true,
      name: `${type.name}Name`,
      parameters: [{ name: 'value', type: 'number' }],
      returnType: name,
      docs: [`Name of a number in a record. Throws RangeError for one that the schema lacks.`],
      statements: [
        `return ${printer.use('enumName')}(${table}, value, ${literal(names.what(type.name))});`,
      ],
    },
  );
}

/** A struct's plain type and its decoder; an event's are called `AllocEvent`, `decodeAlloc`. */
export function emitPlainStruct(struct: StructIr, names: TypeNames, printer: ModulePrinter): void {
  const name = names.plainStruct(struct.name);
  const fields = declaredFields(struct);
  const members = fields.map(
    field => `${docBlock(memberDoc(field))}\nreadonly ${field.name}: ${names.plain(field.type)};`,
  );
  if (isRecord(struct)) {
    members.unshift(
      '/** When the record was made: CLOCK_MONOTONIC nanoseconds. */\nreadonly ktimeNs: bigint;',
    );
  }
  printer.add(
    `${docBlock(docText(struct))}\nexport type ${name} = {\n${members.join('\n')}\n};`,
    decoder(struct, name, fields, names, printer),
  );
}

function decoder(
  struct: StructIr,
  returnType: string,
  fields: readonly FieldIr[],
  names: TypeNames,
  printer: ModulePrinter,
): StatementStructures {
  const reads = fields.map(
    field => `${field.name}: ${fieldRead(field, fields, 'view', 'offset', names, printer)},`,
  );
  if (isRecord(struct)) {
    reads.unshift(`ktimeNs: ${printer.use('readKtimeNs')}(view, offset),`);
  }
  const noun = isRecord(struct) ? 'record' : 'struct';
  return {
    kind: StructureKind.Function,
    isExported: true,
    name: `decode${names.pascal(struct.name)}`,
    parameters: VIEW_PARAMETERS,
    returnType,
    docs: [`Copies the ${noun} at \`offset\`. Throws RangeError where its length is wrong.`],
    statements: [
      checkStatement(struct, 'view', 'offset', names, printer),
      `return {\n${reads.join('\n')}\n};`,
    ],
  };
}

/** Parameters of everything that reads at an offset. */
export const VIEW_PARAMETERS = [
  { name: 'view', type: 'DataView' },
  { name: 'offset', type: 'number' },
];

/** The statement that checks a struct's or a record's length once. */
export function checkStatement(
  struct: StructIr,
  view: string,
  base: string,
  names: TypeNames,
  printer: ModulePrinter,
): string {
  if (struct.fields.at(-1)?.type.kind === 'flexible')
    return `${checkName(struct, names)}(${view}, ${base});`;
  const check = printer.use(isRecord(struct) ? 'checkRecord' : 'checkBytes');
  return `${check}(${view}, ${base}, ${struct.sizeBytes}, ${literal(names.what(struct.name))});`;
}

function checkName(struct: StructIr, names: TypeNames): string {
  return `check${names.pascal(struct.name)}`;
}

/** The length check of a record that ends with a flexible array; nothing for any other. */
export function emitFlexibleCheck(
  struct: StructIr,
  names: TypeNames,
  printer: ModulePrinter,
): void {
  const last = struct.fields.at(-1);
  if (last?.type.kind !== 'flexible') return;
  const what = literal(names.what(struct.name));
  const length = lengthRead(last, struct.fields, 'view', 'offset', printer);
  const size = `${struct.sizeBytes} + length * ${names.bytes(last.type.of)}`;
  printer.add({
    kind: StructureKind.Function,
    name: checkName(struct, names),
    parameters: VIEW_PARAMETERS,
    returnType: 'void',
    statements: [
      `${printer.use('checkBytes')}(view, offset, ${struct.sizeBytes}, ${what});`,
      `const length = ${length};`,
      `${printer.use('checkLength')}(length, ${last.type.maxLength}, ${what});`,
      `${printer.use('checkRecord')}(view, offset, ${size}, ${what});`,
    ],
  });
}

/** A union's plain type, discriminated by `tag`, and its decoder. */
export function emitUnion(
  type: UnionIr,
  tagEnum: EnumIr,
  names: TypeNames,
  printer: ModulePrinter,
): void {
  const name = names.pascal(type.name);
  const variants = type.variants.map(
    ({ tag, struct }) =>
      `{ readonly tag: ${literal(tag)}; readonly value: ${names.plainStruct(struct)} }`,
  );
  const cases = type.variants.map(
    ({ tag, struct }) =>
      `case ${literal(tag)}: return { tag, value: decode${names.pascal(struct)}(view, offset) };`,
  );
  if (type.variants.length < tagEnum.values.length) cases.push('default: return undefined;');
  printer.add(`${docBlock(docText(type))}\nexport type ${name} = ${variants.join(' | ')};`, {
    kind: StructureKind.Function,
    isExported: true,
    name: `decode${name}`,
    parameters: [...VIEW_PARAMETERS, { name: 'tag', type: names.pascal(tagEnum.name) }],
    returnType: `${name} | undefined`,
    docs: ['Copies the variant that `tag` names; undefined where that value has none.'],
    statements: [`switch (tag) {\n${cases.join('\n')}\n}`],
  });
}

/** A doc comment as text. */
export function docBlock(text: string): string {
  const lines = text.split('\n');
  return lines.length === 1 ? `/** ${text} */` : `/**\n * ${lines.join('\n * ')}\n */`;
}
