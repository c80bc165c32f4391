/**
 * Emits the zero-copy cursor of a struct: one object that is moved from record to record. What a
 * reader would get wrong: `at` checks the length once; the getters after it check nothing, and what
 * they read is valid only as long as the memory behind the view.
 */
import {
  Scope,
  StructureKind,
  type GetAccessorDeclarationStructure,
  type MethodDeclarationStructure,
  type OptionalKind,
  type PropertyDeclarationStructure,
} from 'ts-morph';
import type { FieldIr, StructIr, TypeIr } from '@sonde/core/schema';
import {
  docText,
  literal,
  memberDoc,
  type Documented,
  type ModulePrinter,
} from './module-printer.js';
import { checkStatement, VIEW_PARAMETERS } from './plain-decoder.js';
import {
  bitsRead,
  numberRead,
  offsetText,
  rawRead,
  tagOf,
  wideBitsRead,
  type Place,
} from './read-expression.js';
import { declaredFields, isRecord, isWide, type TypeNames } from './type-names.js';

/** One readable member before it is decided whether it is a getter or takes indexes. */
interface Member {
  readonly suffix: string;
  readonly type: string;
  readonly read: string;
  readonly note: string;
}

interface ClassParts {
  readonly properties: OptionalKind<PropertyDeclarationStructure>[];
  readonly getters: OptionalKind<GetAccessorDeclarationStructure>[];
  readonly methods: OptionalKind<MethodDeclarationStructure>[];
}

const VIEW = 'this.#view';
const BASE = 'this.#offset';

/** Appends `class <Name>Cursor` for a struct or an event. */
export function emitCursor(struct: StructIr, names: TypeNames, printer: ModulePrinter): void {
  const parts: ClassParts = {
    properties: [
      {
        name: 'recordBytes',
        isStatic: true,
        isReadonly: true,
        initializer: `${struct.sizeBytes}`,
        docs: [sizeDoc(struct)],
      },
      { name: '#view', type: 'DataView', initializer: 'new DataView(new ArrayBuffer(0))' },
      { name: '#offset', initializer: '0' },
    ],
    getters: [],
    methods: [atMethod(struct, names, printer)],
  };
  if (isRecord(struct)) addHeader(parts, printer);
  const fields = declaredFields(struct);
  for (const field of fields) addField(field, fields, struct, parts, names, printer);
  printer.add({
    kind: StructureKind.Class,
    isExported: true,
    name: `${names.pascal(struct.name)}Cursor`,
    docs: [docText(struct, 'Read in place: valid while the memory behind the view is.')],
    properties: parts.properties,
    getAccessors: parts.getters,
    methods: parts.methods,
  });
}

function sizeDoc(struct: StructIr): string {
  const flexible = struct.fields.at(-1)?.type.kind === 'flexible';
  return flexible ? 'Bytes before the flexible array.' : 'Bytes that one takes.';
}

function atMethod(
  struct: StructIr,
  names: TypeNames,
  printer: ModulePrinter,
): OptionalKind<MethodDeclarationStructure> {
  return {
    name: 'at',
    parameters: VIEW_PARAMETERS,
    returnType: 'this',
    docs: ['Moves to `offset`. Throws RangeError where the length there is wrong.'],
    statements: [
      checkStatement(struct, 'view', 'offset', names, printer),
      'this.#view = view;',
      'this.#offset = offset;',
      'return this;',
    ],
  };
}

function addHeader(parts: ClassParts, printer: ModulePrinter): void {
  const place: Place = { view: VIEW, base: BASE, offsetBytes: 8 };
  for (const member of wideMembers('u64', place, printer)) {
    parts.getters.push({
      name: `ktimeNs${member.suffix}`,
      returnType: member.type,
      docs: [
        memberText({ name: 'ktimeNs', about: 'when the record was made, CLOCK_MONOTONIC' }, member),
      ],
      statements: [`return ${member.read};`],
    });
  }
}

function addField(
  field: FieldIr,
  siblings: readonly FieldIr[],
  struct: StructIr,
  parts: ClassParts,
  names: TypeNames,
  printer: ModulePrinter,
): void {
  if (field.type.kind === 'union') {
    addUnion(field, siblings, parts, names);
    return;
  }
  const { element, lengths, terms } = dimensionsOf(field.type, names);
  const place: Place = { view: VIEW, base: BASE, offsetBytes: field.offsetBytes, terms };
  if (element.kind === 'struct') {
    const cursor = `${names.pascal(element.name)}Cursor`;
    parts.properties.push({
      name: `#${field.name}`,
      isReadonly: true,
      initializer: `new ${cursor}()`,
    });
  }
  for (const member of membersOf(field, element, place, names, printer)) {
    const name = `${field.name}${member.suffix}`;
    const docs = [memberText(field, member)];
    if (lengths.length === 0) {
      parts.getters.push({
        name,
        returnType: member.type,
        docs,
        statements: [`return ${member.read};`],
      });
      continue;
    }
    const checks = lengths.map((length, depth) => {
      const what = literal(`${names.what(struct.name)}.${field.name}`);
      return `${printer.use('checkIndex')}(${INDEXES[depth]}, ${length}, ${what});`;
    });
    parts.methods.push({
      name,
      parameters: lengths.map((_, depth) => ({ name: INDEXES[depth] ?? '', type: 'number' })),
      returnType: member.type,
      docs,
      statements: [...checks, `return ${member.read};`],
    });
  }
}

/**
 * The whole sentence at a member that reads the value itself, and only the difference at others.
 */
function memberText(field: Documented & { readonly name: string }, member: Member): string {
  if (member.suffix !== '') return `${member.note} \`${field.name}\`.`;
  return memberDoc({ ...field, about: `${field.about}${member.note}` });
}

const INDEXES = ['index', 'inner', 'innermost', 'fourth', 'fifth'];

/** The element behind all dimensions, the length of each, and the offset terms of an element. */
function dimensionsOf(
  type: TypeIr,
  names: TypeNames,
): { element: TypeIr; lengths: string[]; terms: string[] } {
  const lengths: string[] = [];
  const terms: string[] = [];
  let element = type;
  while (element.kind === 'array' || element.kind === 'flexible') {
    const length = element.kind === 'array' ? `${element.length}` : `this.${element.lengthField}`;
    const stride = names.bytes(element.of);
    const index = INDEXES[lengths.length];
    if (index === undefined) throw new Error('print cursor: more than five dimensions');
    terms.push(stride === 1 ? index : `${index} * ${stride}`);
    lengths.push(length);
    element = element.of;
  }
  return { element, lengths, terms };
}

function membersOf(
  field: FieldIr,
  type: TypeIr,
  place: Place,
  names: TypeNames,
  printer: ModulePrinter,
): Member[] {
  const at = `${place.view}, ${offsetText(place)}`;
  const one = (type: string, read: string): Member[] => [{ suffix: '', type, read, note: '' }];
  switch (type.kind) {
    case 'scalar':
      if (type.scalar === 'bool') return one('boolean', `${rawRead('bool', place)} !== 0`);
      if (isWide(type.scalar)) return wideMembers(type.scalar as 'u64' | 's64', place, printer);
      return one('number', rawRead(type.scalar, place));
    case 'bits':
      return bitsMembers(field, type, place, printer);
    case 'enum': {
      const code = rawRead(names.enumOf(type.name).scalar, place);
      const name = names.pascal(type.name);
      return [
        { suffix: '', type: 'number', read: code, note: `, as a number of ${name}` },
        { suffix: 'Name', type: name, read: `${type.name}Name(${code})`, note: 'Name of' },
      ];
    }
    case 'struct':
      return one(`${names.pascal(type.name)}Cursor`, `this.#${field.name}.at(${at})`);
    case 'string':
      return one('string', `${printer.use('readString')}(${at}, ${type.bytes})`);
    case 'bytes':
      return one('Uint8Array', `${printer.use('viewBytes')}(${at}, ${type.bytes})`);
    default:
      throw new Error(`print cursor of ${field.name}: ${type.kind} is no element`);
  }
}

/** The four ways to read 64 bits: two words, a checked number, a bigint. */
function wideMembers(scalar: 'u64' | 's64', place: Place, printer: ModulePrinter): Member[] {
  const high = { ...place, offsetBytes: place.offsetBytes + 4 };
  return [
    {
      suffix: '',
      type: 'number',
      read: numberRead(scalar, place, printer),
      note: '; throws above 2^53',
    },
    { suffix: 'Lo', type: 'number', read: rawRead('u32', place), note: 'Low 32 bits of' },
    {
      suffix: 'Hi',
      type: 'number',
      read: rawRead(scalar === 'u64' ? 'u32' : 's32', high),
      note: 'High 32 bits of',
    },
    { suffix: 'Big', type: 'bigint', read: rawRead(scalar, place), note: 'Exact value of' },
  ];
}

function bitsMembers(
  field: FieldIr,
  type: Extract<TypeIr, { kind: 'bits' }>,
  place: Place,
  printer: ModulePrinter,
): Member[] {
  const bitOffset = field.bitOffset ?? 0;
  if (!isWide(type.scalar)) {
    const read = bitsRead(type, bitOffset, place, field.name, printer);
    return [{ suffix: '', type: 'number', read, note: '' }];
  }
  const wide = wideBitsRead(type, bitOffset, place, printer);
  const exact = `${printer.use('exactNumber')}(${wide}, ${literal(field.name)})`;
  return [
    {
      suffix: '',
      type: 'number',
      read: exact,
      note: '; throws above 2^53',
    },
    { suffix: 'Big', type: 'bigint', read: wide, note: 'Exact value of' },
  ];
}

function addUnion(
  field: FieldIr,
  siblings: readonly FieldIr[],
  parts: ClassParts,
  names: TypeNames,
): void {
  if (field.type.kind !== 'union') return;
  const { variants } = names.unionOf(field.type.name);
  const tag = tagOf(field, siblings, names);
  if (tag.type.kind !== 'enum') return;
  const tagEnum = names.enumOf(tag.type.name);
  const at = offsetText({ view: VIEW, base: BASE, offsetBytes: field.offsetBytes });
  const cases = variants.map(variant => {
    const property = `#${field.name}${names.pascal(variant.tag)}`;
    const cursor = `${names.pascal(variant.struct)}Cursor`;
    parts.properties.push({ name: property, isReadonly: true, initializer: `new ${cursor}()` });
    return `case ${literal(variant.tag)}: return this.${property}.at(${VIEW}, ${at});`;
  });
  if (variants.length < tagEnum.values.length) cases.push('default: return undefined;');
  const cursors = [...new Set(variants.map(({ struct }) => `${names.pascal(struct)}Cursor`))];
  parts.getters.push({
    name: field.name,
    scope: Scope.Public,
    returnType: [...cursors, 'undefined'].join(' | '),
    docs: [memberDoc({ ...field, about: `${field.about}; the variant that ${tag.name} names` })],
    statements: [`switch (this.${tag.name}Name) {\n${cases.join('\n')}\n}`],
  });
}
