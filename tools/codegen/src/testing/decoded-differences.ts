/**
 * Reads bytes that a C compiler wrote with a generated decoder, in all three styles, and says where
 * the values differ from those that C was given. What a reader would get wrong: a value above 2^53
 * in a plain number's place must throw; giving any number there counts as a difference.
 */
import { isDeepStrictEqual } from 'node:util';
import type { FieldIr, ProbeIr, StructIr } from '@sonde/core/schema';
import { pascalCase, snakeCase } from '@sonde/core/schema';
import { CNames } from '../c/c-type.js';
import { declaredFields, isRecord, isWide } from '../typescript/type-names.js';
import { compiledBytes, type CToolchain, type CVariable } from './compiled-bytes.js';
import type { GeneratedModule } from './generated-module.js';
import { initializer, SampleMaker, type Sample, type SampleOptions } from './sample-values.js';

const KTIME = 0x0102030405060708n;

const OPTIONS: readonly SampleOptions[] = [
  { kind: 'pattern', turn: 0 },
  { kind: 'pattern', turn: 1 },
  { kind: 'low', turn: 0 },
  { kind: 'high', turn: 1 },
];

interface Case {
  readonly struct: StructIr;
  readonly samples: ReadonlyMap<string, Sample>;
  readonly variable: CVariable;
  readonly label: string;
}

type Decode = (view: DataView, offset: number) => Record<string, unknown>;
type Cursor = { at(view: DataView, offset: number): Record<string, unknown> };
type Columns = {
  rows: number;
  push(view: DataView, offset: number): boolean;
  toJSON(): Record<string, readonly unknown[]>;
};

/**
 * Every difference over all structs and events of `ir`, and how many values were compared. C sees
 * `header`; the decoder is `module`.
 */
export function decodedDifferences(
  ir: ProbeIr,
  header: string,
  module: GeneratedModule,
  toolchain: CToolchain,
  folder: string,
): { readonly wrong: string[]; readonly compared: number } {
  const cases = structsOf(ir).flatMap(struct =>
    OPTIONS.map(options => makeCase(struct, ir, options)),
  );
  const bytes = compiledBytes(
    toolchain,
    header,
    cases.map(({ variable }) => variable),
    folder,
  );
  const wrong: string[] = [];
  let compared = 0;
  cases.forEach((one, index) => {
    const raw = bytes[index] ?? new Uint8Array();
    // One byte of something else before the record shows a decoder that forgets its offset.
    const shifted = new Uint8Array(raw.length + 1);
    shifted.set(raw, 1);
    shifted[0] = 0xa5;
    const view = new DataView(shifted.buffer);
    wrong.push(...plainDifferences(one, module, view), ...cursorDifferences(one, module, view));
    wrong.push(...columnDifferences(one, module, view));
    compared += one.samples.size;
  });
  return { wrong, compared };
}

/** Named structs and events of a probe. */
export function structsOf(ir: ProbeIr): StructIr[] {
  const types = ir.types.filter((type): type is StructIr => type.kind === 'struct');
  return [...types, ...ir.events.map(event => event.struct)];
}

function makeCase(struct: StructIr, ir: ProbeIr, options: SampleOptions): Case {
  const samples = new SampleMaker(ir, options).struct(struct);
  const tag = new CNames(ir).tag(struct.name);
  const last = struct.fields.at(-1);
  let size = `sizeof(struct ${tag})`;
  if (last?.type.kind === 'flexible') {
    const count = samples.get(last.type.lengthField)?.c ?? '0';
    size += ` + ${count} * sizeof(((struct ${tag} *)0)->${snakeCase(last.name)}[0])`;
  }
  const time = `.ktime_ns = ${KTIME}ULL`;
  const head = isRecord(struct) ? `.header = { .event = 7, .size = ${size}, ${time} }` : '';
  const label = `${tag} ${options.kind} ${options.turn}`;
  return { struct, samples, variable: { tag, initializer: initializer(samples, head) }, label };
}

function plainDifferences(one: Case, module: GeneratedModule, view: DataView): string[] {
  const decode = module[`decode${pascalCase(one.struct.name)}`] as Decode;
  const exact = [...one.samples.values()].every(sample => sample.exact);
  let got: Record<string, unknown>;
  try {
    got = decode(view, 1);
  } catch (error) {
    return exact || !(error instanceof RangeError) ? [`${one.label}: plain threw ${error}`] : [];
  }
  if (!exact) return [`${one.label}: plain gave a number above 2^53`];
  const wrong = [...one.samples]
    .filter(([name, sample]) => !isDeepStrictEqual(got[name], sample.plain))
    .map(([name, sample]) => difference(`${one.label}: plain ${name}`, got[name], sample.plain));
  if (isRecord(one.struct) && got['ktimeNs'] !== KTIME) wrong.push(`${one.label}: plain ktimeNs`);
  return wrong;
}

function cursorDifferences(one: Case, module: GeneratedModule, view: DataView): string[] {
  const make = module[`${pascalCase(one.struct.name)}Cursor`] as new () => Cursor;
  let cursor: Record<string, unknown>;
  try {
    cursor = new make().at(view, 1);
  } catch (error) {
    return [`${one.label}: cursor threw ${error}`];
  }
  return declaredFields(one.struct).flatMap(field => {
    const sample = one.samples.get(field.name);
    return sample === undefined ? [] : memberDifferences(one.label, field, sample, cursor);
  });
}

/** Scalars, enums, bit-fields and text of a cursor; composite fields are read by plain decoders. */
function memberDifferences(
  label: string,
  field: FieldIr,
  sample: Sample,
  cursor: Record<string, unknown>,
): string[] {
  const { type, name } = field;
  const expected: Record<string, unknown> = {};
  if (type.kind === 'string') expected[name] = sample.plain;
  if (type.kind === 'enum') {
    expected[name] = Number(sample.integer);
    expected[`${name}Name`] = sample.plain;
  }
  if ((type.kind === 'scalar' || type.kind === 'bits') && sample.integer !== undefined) {
    const number = Number(sample.integer);
    if (!isWide(type.scalar)) expected[name] = type.scalar === 'bool' ? number === 1 : number;
    else {
      expected[name] = Number.isSafeInteger(number) ? number : RangeError;
      expected[`${name}Big`] = sample.integer;
      if (type.kind === 'scalar') {
        expected[`${name}Lo`] = Number(BigInt.asUintN(32, sample.integer));
        const high = sample.integer >> 32n;
        expected[`${name}Hi`] = Number(type.scalar === 'u64' ? high : BigInt.asIntN(32, high));
      }
    }
  }
  return Object.entries(expected)
    .map(([member, value]) => ({ member, value, got: readMember(cursor, member) }))
    .filter(({ value, got }) => !Object.is(got, value))
    .map(({ member, value, got }) => difference(`${label}: cursor ${member}`, got, value));
}

function readMember(cursor: Record<string, unknown>, member: string): unknown {
  try {
    return cursor[member];
  } catch (error) {
    return error instanceof RangeError ? RangeError : error;
  }
}

function columnDifferences(one: Case, module: GeneratedModule, view: DataView): string[] {
  const make = module[`${pascalCase(one.struct.name)}Columns`] as new (capacity: number) => Columns;
  const columns = new make(2);
  try {
    columns.push(view, 1);
    columns.push(view, 1);
    if (columns.rows !== 2 || columns.push(view, 1)) return [`${one.label}: columns over capacity`];
    const json = [...one.samples.values()].every(sample => sample.exact) ? columns.toJSON() : {};
    return Object.entries(json).flatMap(([name, column]) => {
      const field = one.struct.fields.find(candidate => candidate.name === name);
      const sample = one.samples.get(name);
      if (field === undefined || sample === undefined) return [];
      const expected = jsonOf(sample.plain, unitOf(field.type));
      return isDeepStrictEqual(column[1], expected)
        ? []
        : [difference(`${one.label}: column ${name}`, column[1], expected)];
    });
  } catch (error) {
    return [`${one.label}: columns threw ${error}`];
  }
}

function unitOf(
  type: FieldIr['type'],
): 'none' | Extract<FieldIr['type'], { kind: 'scalar' }>['unit'] {
  if (type.kind === 'array' || type.kind === 'flexible') return unitOf(type.of);
  return type.kind === 'scalar' ? type.unit : 'none';
}

/**
 * What a column must give as JSON, said here once more on purpose: wide integers as text, in
 * hexadecimal where they are addresses or stack ids, and bytes as hexadecimal text.
 */
function jsonOf(value: unknown, unit = 'none'): unknown {
  if (typeof value === 'bigint') {
    return unit === 'address' || unit === 'stackId' ? `0x${value.toString(16)}` : `${value}`;
  }
  if (value === undefined) return null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(element => jsonOf(element, unit));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, jsonOf(member)]));
}

function difference(where: string, got: unknown, expected: unknown): string {
  return `${where}: ${text(got)}, expected ${text(expected)}`;
}

function text(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? JSON.stringify(jsonOf(value))
    : String(value);
}
