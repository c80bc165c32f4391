/**
 * The checks that need no layout: names, sentences, lengths, units, references between sections.
 * What a reader would get wrong: an object literal cannot show a duplicate key after evaluation,
 * so duplicates within one literal are found by codegen in the source; here it is collisions
 * between sections, and between the names that are derived from a field's (`sizeLo`, `sizeHi`).
 */
import type { EnumSpec, Fields, MapSpec, ParamSpec, ProbeDefinition } from './definition.js';
import type { FieldSpec } from './field-types.js';
import type { ScalarName, Unit } from './ir.js';
import { scalarBytes } from './layout.js';
import { pascalCase, snakeCase, whyNotName } from './names.js';
import { notAType, SchemaError } from './schema-error.js';
import { checkWholeStacks } from './whole-stack.js';

/**
 * The largest payload that a 4 KiB ring, the smallest there is, can hold: a record with its 8-byte
 * ring header must stay below the ring's size (kernel/bpf/ringbuf.c, __bpf_ringbuf_reserve).
 */
export const RECORD_BYTES_MAX = 4080;

/** Events of one probe: the low byte of the header's event number. */
const EVENTS_MAX = 256;

const UNITS: ReadonlySet<string> = new Set<Unit>([
  'none',
  'ktimeNs',
  'durationNs',
  'bytes',
  'count',
  'pid',
  'tid',
  'goid',
  'stackId',
  'address',
  'siteId',
  'errno',
]);

const UNSIGNED: ReadonlySet<string> = new Set<ScalarName>(['u8', 'u16', 'u32', 'u64']);

/** Member names that generated cursors and columns have for themselves. */
const TAKEN_MEMBERS: ReadonlySet<string> = new Set([
  'at',
  'capacity',
  'constructor',
  'header',
  'ktimeNs',
  'push',
  'reset',
  'rows',
  'toJSON',
]);

/** Names that generated code itself needs from JavaScript and from the decode room. */
const TS_GLOBALS: ReadonlySet<string> = new Set([
  ...['Array', 'ArrayBuffer', 'BigInt', 'DataView', 'Error', 'Map', 'Number', 'Object', 'Record'],
  ...['RangeError', 'String', 'URL', 'Int8Array', 'Int16Array', 'Int32Array', 'BigInt64Array'],
  ...['Uint8Array', 'Uint16Array', 'Uint32Array', 'BigUint64Array'],
  ...['EventCodec', 'JsonColumn', 'MapCodec', 'ProbeModule'],
]);

/** Throws the first SchemaError in the order in which an author reads the schema. */
export function validate(definition: ProbeDefinition): void {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(definition.name)) {
    throw new SchemaError('name', `name "${definition.name}" is not kebab-case`);
  }
  checkAbout('about', definition.about);
  checkModes(definition);
  for (const [name, type] of Object.entries(definition.types ?? {})) {
    const path = `types.${name}`;
    checkTypeName(path, name);
    checkAbout(path, type.about);
    if (type.kind === 'enum') checkEnum(path, type);
    if (type.kind === 'struct') checkFields(path, type.fields);
    if (type.kind === 'struct' && Object.keys(type.fields).length === 0) {
      throw new SchemaError(path, 'struct has no fields');
    }
    if (type.kind === 'union') {
      const tags = Object.keys(type.variants);
      if (tags.length === 0) throw new SchemaError(path, 'union has no variants');
      for (const tag of tags) checkName(`${path}.${tag}`, tag);
    }
  }
  checkEvents(definition);
  checkExports(definition);
  checkMaps(definition);
  for (const [name, param] of Object.entries(definition.params ?? {})) {
    checkParam(`params.${name}`, name, param);
  }
  checkAttach(definition);
  checkWholeStacks(definition);
  checkBudget(definition);
}

/** A threshold below 1 would refuse every program, and growth of 1 any change at all. */
function checkBudget({ verifierBudget }: ProbeDefinition): void {
  for (const [name, value] of Object.entries(verifierBudget ?? {})) {
    const least = name === 'growth' ? 1.1 : 1;
    if (Number.isFinite(value) && value >= least) continue;
    throw new SchemaError(`verifierBudget.${name}`, `${value} is less than ${least}`);
  }
}

function checkModes(definition: ProbeDefinition): void {
  const modes = definition.modes ?? ['stream'];
  if (modes.length === 0) throw new SchemaError('modes', 'list is empty');
  if (new Set(modes).size !== modes.length) {
    throw new SchemaError('modes', `mode is listed twice: ${modes.join(', ')}`);
  }
}

function checkAbout(path: string, about: string): void {
  if (about.trim() === '') {
    throw new SchemaError(path, 'about is missing', 'say in one sentence what it is');
  }
  if (/[\r\n]|\*\//.test(about)) {
    throw new SchemaError(path, 'about holds a line break or the end of a comment');
  }
}

function checkName(path: string, name: string): void {
  const why = whyNotName(name);
  if (why !== undefined) throw new SchemaError(path, why);
}

function checkTypeName(path: string, name: string): void {
  checkName(path, name);
  if (name.startsWith('sonde')) {
    throw new SchemaError(path, `name "${name}" belongs to the framework: it starts with "sonde"`);
  }
}

function checkEvents(definition: ProbeDefinition): void {
  const events = Object.entries(definition.events);
  if (events.length > EVENTS_MAX) {
    throw new SchemaError('events', `${events.length} events, more than ${EVENTS_MAX}`);
  }
  for (const [name, event] of events) {
    const path = `events.${name}`;
    checkTypeName(path, name);
    if (definition.types !== undefined && Object.hasOwn(definition.types, name)) {
      throw new SchemaError(path, `name "${name}" is declared twice: as an event and as a type`);
    }
    checkAbout(path, event.about);
    checkFields(path, event.fields);
  }
}

/** Refuses two declarations whose generated TypeScript would export one name twice. */
function checkExports(definition: ProbeDefinition): void {
  const exported = new Map<string, string>();
  const declare = (path: string, names: readonly string[]): void => {
    for (const name of names) {
      const other = exported.get(name);
      if (other !== undefined) {
        throw new SchemaError(path, `type "${name}" is generated twice: for this and for ${other}`);
      }
      if (TS_GLOBALS.has(name)) {
        throw new SchemaError(path, `type "${name}" would hide JavaScript's own`);
      }
      exported.set(name, path);
    }
  };
  for (const [name, { kind }] of Object.entries(definition.types ?? {})) {
    const pascal = pascalCase(name);
    const classes = kind === 'struct' ? [`${pascal}Cursor`, `${pascal}Columns`] : [];
    declare(`types.${name}`, [pascal, ...classes]);
  }
  for (const name of Object.keys(definition.events)) {
    const pascal = pascalCase(name);
    declare(`events.${name}`, [`${pascal}Event`, `${pascal}Cursor`, `${pascal}Columns`]);
  }
}

function checkEnum(path: string, spec: EnumSpec): void {
  const names = Object.entries(spec.values);
  if (names.length === 0) throw new SchemaError(path, 'enum has no values');
  if (spec.scalar === 'bool' || scalarBytes(spec.scalar) > 4) {
    throw new SchemaError(path, `enum is stored in ${spec.scalar}; at most 32 bits are allowed`);
  }
  const bits = scalarBytes(spec.scalar) * 8;
  const low = UNSIGNED.has(spec.scalar) ? 0 : -(2 ** (bits - 1));
  const high = UNSIGNED.has(spec.scalar) ? 2 ** bits - 1 : 2 ** (bits - 1) - 1;
  const seen = new Map<number, string>();
  for (const [name, { value, about }] of names) {
    const at = `${path}.${name}`;
    if (!/^[a-z][A-Za-z0-9]*$/.test(name)) {
      throw new SchemaError(at, `name "${name}" is not camelCase`);
    }
    checkAbout(at, about);
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new SchemaError(at, `value ${value} does not fit ${spec.scalar}`);
    }
    const other = seen.get(value);
    if (other !== undefined) {
      throw new SchemaError(at, `value ${value} is already the value of "${other}"`);
    }
    seen.set(value, name);
  }
}

function checkFields(path: string, fields: Fields): void {
  const members = new Map<string, string>();
  for (const [name, spec] of Object.entries(fields)) {
    const at = `${path}.${name}`;
    checkName(at, name);
    if (TAKEN_MEMBERS.has(name) || /^pad\d+$/.test(name)) {
      throw new SchemaError(at, `name "${name}" is used by the generated code itself`);
    }
    if (typeof (spec as unknown) !== 'object' || (spec as unknown) === null) {
      throw notAType(at, spec);
    }
    checkAbout(at, spec.about);
    checkType(at, spec);
    if (spec.kind === 'flexible') checkLengthField(at, spec, fields);
    for (const member of memberNames(name, spec)) {
      const other = members.get(member);
      if (other !== undefined) {
        throw new SchemaError(at, `name "${member}" is made twice: by "${other}" and "${name}"`);
      }
      members.set(member, name);
    }
  }
}

/** The names that a field takes in a cursor: its own, and those of its other representations. */
function memberNames(name: string, spec: FieldSpec): string[] {
  const suffixes = ['Lo', 'Hi', 'Big', 'Name', 'Length', 'At'];
  return [name, ...(spec.kind === 'string' ? [] : suffixes.map(suffix => name + suffix))];
}

function checkType(path: string, spec: FieldSpec): void {
  switch (spec.kind) {
    case 'scalar':
      checkUnit(path, spec.unit);
      return;
    case 'bits':
      checkUnit(path, spec.unit);
      checkLength(path, 'bit-field', spec.bits);
      return;
    case 'string':
    case 'bytes':
      checkLength(path, spec.kind === 'string' ? 'string' : 'byte array', spec.bytes);
      return;
    case 'array':
      checkLength(path, 'array', spec.length);
      checkElement(path, spec.of);
      return;
    case 'flexible':
      checkLength(path, 'flexible array', spec.maxLength);
      checkElement(path, spec.of);
      return;
    case 'named':
      return;
  }
}

function checkElement(path: string, of: FieldSpec): void {
  if (of.kind === 'bits' || of.kind === 'flexible') {
    const what = of.kind === 'bits' ? 'bit-fields' : 'flexible arrays';
    throw new SchemaError(path, `array of ${what} does not exist in C`);
  }
  checkType(path, of);
}

function checkUnit(path: string, unit: string): void {
  if (UNITS.has(unit)) return;
  throw new SchemaError(path, `unit "${unit}" is not known`, `units: ${[...UNITS].join(', ')}`);
}

function checkLength(path: string, what: string, length: number): void {
  if (Number.isInteger(length) && length > 0) return;
  throw new SchemaError(path, `${what} has length ${length}; it needs at least 1`);
}

function checkLengthField(
  path: string,
  spec: Extract<FieldSpec, { kind: 'flexible' }>,
  fields: Fields,
): void {
  const length = Object.hasOwn(fields, spec.lengthField) ? fields[spec.lengthField] : undefined;
  if (length?.kind !== 'scalar' || !UNSIGNED.has(length.scalar)) {
    throw new SchemaError(
      path,
      `length field "${spec.lengthField}" is not an unsigned field of this event`,
    );
  }
  const most = 2 ** (scalarBytes(length.scalar) * 8) - 1;
  if (spec.maxLength > most) {
    const field = `${length.scalar} field "${spec.lengthField}"`;
    throw new SchemaError(path, `maximum length ${spec.maxLength} does not fit the ${field}`);
  }
}

function checkMaps(definition: ProbeDefinition): void {
  for (const [name, map] of Object.entries(definition.maps ?? {})) {
    const path = `maps.${name}`;
    checkTypeName(path, name);
    if (name === 'config') {
      throw new SchemaError(path, 'name "config" is the config struct of every object');
    }
    checkAbout(path, map.about);
    checkMapSize(path, map, definition);
    for (const part of ['key', 'value'] as const) {
      const spec = map[part];
      if (spec === undefined) continue;
      if (spec.kind === 'bits' || spec.kind === 'flexible') {
        throw new SchemaError(`${path}.${part}`, `${spec.kind} cannot be a map's ${part}`);
      }
      checkType(`${path}.${part}`, spec);
    }
  }
}

function checkMapSize(path: string, map: MapSpec, definition: ProbeDefinition): void {
  const size = map.maxEntries;
  if (typeof size !== 'number') {
    if (Object.hasOwn(definition.params ?? {}, size.param)) return;
    throw new SchemaError(`${path}.maxEntries`, `parameter "${size.param}" is not declared`);
  }
  checkLength(`${path}.maxEntries`, 'map', size);
  if (map.kind === 'ringbuf' && (size < 4096 || !Number.isInteger(Math.log2(size)))) {
    throw new SchemaError(`${path}.maxEntries`, `${size} bytes is not a power of two above 4095`);
  }
}

function checkParam(path: string, name: string, param: ParamSpec): void {
  checkTypeName(path, name);
  if (name === 'mode' || name === 'target' || name === 'schemaHash') {
    throw new SchemaError(path, `name "${name}" is a field of every config struct`);
  }
  checkAbout(path, param.about);
  if (param.type.kind !== 'scalar') {
    throw new SchemaError(path, `parameter is ${param.type.kind}; it must be an integer or bool`);
  }
  checkUnit(path, param.type.unit);
  const { scalar } = param.type;
  const bits = scalar === 'bool' ? 1 : scalarBytes(scalar) * 8;
  const signed = scalar.startsWith('s');
  const low = signed ? -(2 ** (bits - 1)) : 0;
  const high = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  const value = param.default;
  if (!Number.isSafeInteger(value) || value < low || value > high) {
    throw new SchemaError(path, `default ${value} does not fit ${scalar}`);
  }
}

function checkAttach(definition: ProbeDefinition): void {
  const programs = new Set<string>();
  const points = new Set<string>();
  if (definition.attach.length === 0) throw new SchemaError('attach', 'list is empty');
  for (const point of definition.attach) {
    const path = `attach.${point.name}`;
    if (points.has(point.name)) throw new SchemaError(path, `point "${point.name}" exists twice`);
    points.add(point.name);
    checkAbout(path, point.about);
    if (point.oneOf.length === 0) throw new SchemaError(path, 'point has no alternative');
    const names = new Set<string>();
    for (const { name, program } of point.oneOf) {
      if (names.has(name)) throw new SchemaError(path, `alternative "${name}" exists twice`);
      if (!/^[a-z_][a-z0-9_]*$/.test(program)) {
        throw new SchemaError(path, `program "${program}" is not a snake_case name of C`);
      }
      names.add(name);
      programs.add(program);
    }
  }
  for (const name of Object.keys(definition.maps ?? {})) {
    if (!programs.has(snakeCase(name))) continue;
    throw new SchemaError(`maps.${name}`, `name "${name}" is the name of a program too`);
  }
}
