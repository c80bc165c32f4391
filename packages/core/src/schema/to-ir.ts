/**
 * `toIr`: an author's schema, validated, laid out and reduced to the plain JSON that every printer
 * and the loader read. What a reader would get wrong: key order matters. It is the order of the
 * author's declarations, and the output of codegen depends on it byte for byte.
 */
import type { EventSpec, ProbeDefinition } from './definition.js';
import { bytes, named, type FieldSpec } from './field-types.js';
import { FRAMEWORK_STRUCTS, MODE_FIELD } from './framework.js';
import {
  IR_VERSION,
  type EventIr,
  type MapIr,
  type ParamIr,
  type ProbeIr,
  type SourcePosition,
  type StructIr,
} from './ir.js';
import { layoutStruct } from './layout.js';
import { SchemaError } from './schema-error.js';
import { schemaHash } from './schema-hash.js';
import { TypeTable, type SourceIndex } from './type-table.js';
import { RECORD_BYTES_MAX, validate } from './validate.js';

const NO_SOURCE: SourceIndex = { position: () => undefined };

/**
 * Evaluates a definition. With a source index every declaration carries its line; without one the
 * result has the same layout and the same hash. Throws SchemaError for the first thing wrong.
 */
export function toIr(definition: ProbeDefinition, source: SourceIndex = NO_SOURCE): ProbeIr {
  try {
    validate(definition);
    return buildIr(definition, source);
  } catch (error) {
    if (error instanceof SchemaError) throw error.at(nearestPosition(error.path, source));
    throw error;
  }
}

/** The line of a path, or of the closest declaration around it that the source index knows. */
function nearestPosition(path: string, source: SourceIndex): SourcePosition | undefined {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
    const position = source.position(at);
    if (position !== undefined) return position;
  }
  return source.position('');
}

function buildIr(definition: ProbeDefinition, source: SourceIndex): ProbeIr {
  const table = new TypeTable(definition, source);
  for (const struct of FRAMEWORK_STRUCTS) table.known.set(struct.name, struct);
  for (const name of Object.keys(definition.types ?? {})) table.named(name, `types.${name}`);
  const events = Object.entries(definition.events).map(([name, spec], index) =>
    buildEvent(name, index, spec, table),
  );
  for (const event of events) table.known.set(event.name, event.struct);
  const maps = Object.keys(definition.maps ?? {}).map(name => buildMap(name, definition, table));
  const params = Object.keys(definition.params ?? {}).map(name =>
    buildParam(name, definition, source),
  );
  const { name, about, modes = ['stream'], verifierBudget } = definition;
  const attach = definition.attach.map(point => ({
    ...point,
    ...at(source.position(`attach.${point.name}`)),
  }));
  const config = buildConfig(definition, table);
  const ir: Omit<ProbeIr, 'hash'> = {
    ir: IR_VERSION,
    name,
    about,
    ...(verifierBudget === undefined ? {} : { verifierBudget }),
    types: [...table.laidOut.values()],
    events,
    maps,
    params,
    attach,
    modes,
    config,
  };
  return { ...ir, hash: schemaHash(ir) };
}

function at(source: SourcePosition | undefined): { source?: SourcePosition } {
  return source === undefined ? {} : { source };
}

function buildEvent(name: string, index: number, spec: EventSpec, table: TypeTable): EventIr {
  const path = `events.${name}`;
  const fields: [string, FieldSpec][] = [
    ['header', named('sondeHeader', 'what every record starts with')],
    ...Object.entries(spec.fields),
  ];
  const struct = layoutStruct({ name, about: spec.about, path }, fields, table);
  table.checkUnions(struct, path);
  const last = struct.fields.at(-1);
  let largest = struct.sizeBytes;
  if (last?.type.kind === 'flexible') {
    largest += table.extent(last.type.of).sizeBytes * last.type.maxLength;
  }
  if (largest > RECORD_BYTES_MAX) {
    throw new SchemaError(
      path,
      `record of ${largest} bytes is above the limit of ${RECORD_BYTES_MAX}`,
      'send a stack id instead of a stack, or split the event',
    );
  }
  return { name, index, about: spec.about, struct, ...at(table.position(path)) };
}

function buildMap(name: string, definition: ProbeDefinition, table: TypeTable): MapIr {
  const path = `maps.${name}`;
  const spec = definition.maps?.[name];
  if (spec === undefined) throw new SchemaError(path, 'map is not declared');
  const { kind, about, key, value, maxEntries } = spec;
  return {
    name,
    about,
    kind,
    ...(key === undefined ? {} : { key: table.resolve(key, `${path}.key`) }),
    ...(value === undefined ? {} : { value: table.resolve(value, `${path}.value`) }),
    maxEntries,
    ...at(table.position(path)),
  };
}

function buildParam(name: string, definition: ProbeDefinition, source: SourceIndex): ParamIr {
  const path = `params.${name}`;
  const spec = definition.params?.[name];
  if (spec?.type.kind !== 'scalar') throw new SchemaError(path, 'parameter is not a scalar');
  const { scalar, unit } = spec.type;
  return {
    name,
    about: spec.about,
    scalar,
    unit,
    default: spec.default,
    ...at(source.position(path)),
  };
}

function buildConfig(definition: ProbeDefinition, table: TypeTable): StructIr {
  const fields: [string, FieldSpec][] = [
    ['schemaHash', bytes(16, 'hash of the schema; the loader refuses another decoder')],
    ['target', named('sondeTarget', 'the traced process')],
  ];
  for (const [name, { type, about }] of Object.entries(definition.params ?? {})) {
    fields.push([name, { ...type, about }]);
  }
  fields.push(['mode', MODE_FIELD]);
  const about = 'Everything that the loader sets before the programs are verified.';
  return layoutStruct({ name: 'config', about, path: 'params' }, fields, table);
}
