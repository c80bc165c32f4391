/**
 * `sonde probes NAME`: everything that a probe's schema says of it, as text. The fact a reader gets
 * wrong: nothing here is looked up; which way to attach works on a machine is said by `sonde run`,
 * and in a program by `sonde inspect`.
 */
import type { AttachPointIr, FieldIr, ProbeIr, TypeIr } from '@sonde/core/schema';
import type { FoundProbe } from './discovery.js';
import { flagOf, meaningOf } from './parameter-option.js';
import { wrapLines } from './wrapped.js';

/** A line: what is explained, in a column, and its explanation, wrapped beside it. */
interface Row {
  readonly name: string;
  readonly text: string;
}

/** The page of one probe, at most as wide as `width`; ends with a newline. */
export function writeProbePage(probe: FoundProbe, width: number): string {
  const { ir } = probe.module;
  const room = Math.max(40, Math.min(width, 110));
  const lines = [ir.name, ...wrapLines(ir.about, room - 2).map(line => `  ${line}`), ''];
  for (const { name, about, struct } of ir.events) {
    const fields = struct.fields.filter(field => field.padding !== true && field.name !== 'header');
    lines.push(...wrapLines(`event ${name}: ${about}`, room));
    lines.push(...table(fieldRows(fields), room), '');
  }
  const params = ir.params.map(param => ({
    name: `${flagOf(param.name)} ${param.default}`,
    text: meaningOf(param),
  }));
  if (params.length > 0) lines.push('parameters, with their defaults', ...table(params, room), '');
  const maps = ir.maps.map(({ name, about }) => ({ name, text: about }));
  if (maps.length > 0) lines.push('maps', ...table(maps, room), '');
  for (const point of ir.attach) lines.push(...pointLines(point, room), '');
  lines.push(`modes: ${ir.modes.join(', ')}; from ${probe.package}`);
  return `${lines.join('\n')}\n`;
}

function table(rows: readonly Row[], room: number): string[] {
  const column = Math.min(28, Math.max(0, ...rows.map(row => row.name.length))) + 4;
  return rows.flatMap(({ name, text }) =>
    wrapLines(text, Math.max(20, room - column)).map((line, index) =>
      `${(index === 0 ? `  ${name}  ` : '').padEnd(column)}${line}`.trimEnd(),
    ),
  );
}

/** Names and kinds in two columns; a kind that is the name already is not said again. */
function fieldRows(fields: readonly FieldIr[]): Row[] {
  const longest = Math.max(0, ...fields.map(field => field.name.length));
  return fields.map(({ name, type, about }) => {
    const kind = typeName(type);
    return { name: kind === name ? name : `${name.padEnd(longest)}  ${kind}`, text: about };
  });
}

/** A type in a word: its unit where that says more than its width. */
function typeName(type: TypeIr): string {
  switch (type.kind) {
    case 'scalar':
    case 'bits':
      return type.unit === 'none' ? type.scalar : type.unit;
    case 'enum':
    case 'struct':
    case 'union':
      return type.name;
    case 'string':
      return 'text';
    case 'bytes':
      return 'bytes';
    case 'array':
    case 'flexible':
      return `${typeName(type.of)}[]`;
  }
}

function pointLines(point: AttachPointIr, room: number): string[] {
  const { name, about, need, when, oneOf } = point;
  const condition = when === undefined ? '' : `, with ${flagOf(when.param)}`;
  const optional = need === 'optional' && when === undefined ? ', optional' : '';
  const rows = oneOf.map(way => ({ name: way.name, text: way.limits ?? '' }));
  return [
    ...wrapLines(`attach point ${name}: ${about}${condition}${optional}`, room),
    ...table(rows, room),
  ];
}

/** The same as data: what `sonde probes --json` lists of each probe, with fields and units. */
export function eventsOf(ir: ProbeIr): object[] {
  return ir.events.map(({ name, about, struct }) => ({
    name,
    about,
    fields: struct.fields
      .filter(field => field.padding !== true && field.name !== 'header')
      .map(field => ({ name: field.name, type: typeName(field.type), about: field.about })),
  }));
}
