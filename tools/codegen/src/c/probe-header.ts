/**
 * Prints `gen/<probe>.bpf.h`. What a reader would get wrong: the structs compile with any C
 * compiler (tests write them with gcc), everything that needs BPF stands behind `__bpf__`.
 */
import {
  pascalCase,
  snakeCase,
  type EventIr,
  type FieldIr,
  type MapIr,
  type ProbeIr,
  type StructIr,
  type TypeIr,
  type UnionIr,
} from '@sonde/core/schema';
import { declarationComment, enumeratorLines, wrap } from './c-comment.js';
import { CNames, enumScalars } from './c-type.js';
import { layoutTable } from './layout-table.js';
import { reserveModel } from './reserve-model.js';
import { stackModels } from './stack-model.js';
import { structModel } from './struct-model.js';
import { render } from './templates.js';

const MAP_TYPES: Readonly<Record<MapIr['kind'], string>> = {
  hash: 'BPF_MAP_TYPE_HASH',
  lruHash: 'BPF_MAP_TYPE_LRU_HASH',
  percpuHash: 'BPF_MAP_TYPE_PERCPU_HASH',
  lruPercpuHash: 'BPF_MAP_TYPE_LRU_PERCPU_HASH',
  array: 'BPF_MAP_TYPE_ARRAY',
  percpuArray: 'BPF_MAP_TYPE_PERCPU_ARRAY',
  ringbuf: 'BPF_MAP_TYPE_RINGBUF',
  stackTrace: 'BPF_MAP_TYPE_STACK_TRACE',
};

/** Clang expands a memset inline up to this many bytes; a longer one would become a call. */
const MEMSET_BYTES = 1024;

/** The whole header as text, LF line ends, ending in one. `schemaFile` is repository-relative. */
export function printProbeHeader(ir: ProbeIr, schemaFile: string): string {
  const names = new CNames(ir);
  const scalarOfEnum = enumScalars(ir);
  const typeText = (field: FieldIr): string => {
    const base = names.abstract(field.type, scalarOfEnum);
    if (field.type.kind === 'enum') return `${base}, enum ${names.tag(field.type.name)}`;
    const unit = field.type.kind === 'scalar' || field.type.kind === 'bits' ? field.type.unit : '';
    return unit === '' || unit === 'none' ? base : `${base}, ${unit}`;
  };
  const structs = ir.types.filter((type): type is StructIr => type.kind === 'struct');
  const all = [...structs, ...ir.events.map(event => event.struct), ir.config];
  const tables = all.map(struct =>
    layoutTable(`struct ${names.tag(struct.name)}`, struct, typeText),
  );
  return render('probe.bpf.h.hbs', {
    schemaFile,
    title: wrap(`${ir.name}: ${ir.about}`, 96),
    guard: `${names.prefix.toUpperCase()}_BPF_H`,
    tables,
    types: ir.types.map(type => typeModel(type, names, ir)),
    eventEnum: ir.events.map(event => eventConstant(event, names)),
    prefix: names.prefix,
    events: ir.events.map(event => eventModel(event, names, ir)),
    config: structModel(ir.config, names.tag(ir.config.name), names, scalarOfEnum),
    configTag: names.tag(ir.config.name),
    hashBytes: [...ir.hash.matchAll(/.{16}/g)].map(([half]) =>
      [...half.matchAll(/../g)].map(([pair]) => `0x${pair}`).join(', '),
    ),
    params: ir.params.map(param => ({
      name: snakeCase(param.name),
      value: cInteger(param.default),
    })),
    maps: ir.maps.map(map => mapModel(map, names, ir)),
    stacks: stackModels(ir, names.prefix),
  });
}

/** A default as a C constant: what does not fit an int says its own width. */
function cInteger(value: number): string {
  if (Math.abs(value) < 2 ** 31) return `${value}`;
  return value < 0 ? `${value}LL` : `${value}ULL`;
}

function typeModel(type: ProbeIr['types'][number], names: CNames, ir: ProbeIr) {
  const tag = names.tag(type.name);
  if (type.kind === 'struct') return { struct: structModel(type, tag, names, enumScalars(ir)) };
  if (type.kind === 'union') return { union: unionModel(type, tag, names) };
  const values = type.values.map(({ name, value, about }) =>
    enumeratorLines(names.constant(type.name, name), value, about),
  );
  return { enum: { comment: declarationComment(type), tag, values } };
}

function unionModel(union: UnionIr, tag: string, names: CNames) {
  return {
    comment: declarationComment(union),
    tag,
    sizeBytes: union.sizeBytes,
    variants: union.variants.map(variant => ({
      tag: snakeCase(variant.tag),
      struct: names.tag(variant.struct),
    })),
  };
}

function eventConstant(event: EventIr, names: CNames) {
  return enumeratorLines(names.constant('event', event.name), event.index, event.about);
}

function eventModel(event: EventIr, names: CNames, ir: ProbeIr) {
  const tag = names.tag(event.name);
  const last = event.struct.fields.at(-1);
  const chunks: { at: number; bytes: number }[] = [];
  for (let at = 0; at < event.struct.sizeBytes; at += MEMSET_BYTES) {
    chunks.push({ at, bytes: Math.min(MEMSET_BYTES, event.struct.sizeBytes - at) });
  }
  return {
    name: event.name,
    title: pascalCase(event.name),
    tag,
    constant: names.constant('event', event.name),
    ...reserveModel(event),
    chunks,
    struct: structModel(event.struct, tag, names, enumScalars(ir)),
    flexible: last?.type.kind === 'flexible' ? flexibleModel(last, last.type, names, ir) : null,
  };
}

function flexibleModel(
  field: FieldIr,
  type: Extract<TypeIr, { kind: 'flexible' }>,
  names: CNames,
  ir: ProbeIr,
) {
  return {
    field: snakeCase(field.name),
    lengthField: snakeCase(type.lengthField),
    maxLength: type.maxLength,
    element: names.base(type.of, enumScalars(ir)),
  };
}

function mapModel(map: MapIr, names: CNames, ir: ProbeIr) {
  const { maxEntries } = map;
  const param =
    typeof maxEntries === 'number'
      ? undefined
      : ir.params.find(candidate => candidate.name === maxEntries.param);
  const rows: string[] = [`__uint(type, ${MAP_TYPES[map.kind]});`];
  const entries = typeof maxEntries === 'number' ? maxEntries : (param?.default ?? 1);
  rows.push(`__uint(max_entries, ${cInteger(entries)});`);
  if (map.key !== undefined) rows.push(`__type(key, ${names.abstract(map.key, enumScalars(ir))});`);
  if (map.value !== undefined)
    rows.push(`__type(value, ${names.abstract(map.value, enumScalars(ir))});`);
  const sized = param === undefined ? '' : `Sized by parameter ${snakeCase(param.name)} at load.`;
  return {
    name: snakeCase(map.name),
    rows,
    comment: declarationComment({ ...map, ...(sized === '' ? {} : { doc: sized }) }),
  };
}
