/**
 * Which walk gives the whole stack at each kind of attach point. What a reader would get wrong: it
 * belongs to the program and not to the event, because two ways to see one event may stand at
 * different places; so a program has one walk, or the schema is refused.
 */
import type { Fields, ProbeDefinition } from './definition.js';
import type { FieldSpec } from './field-types.js';
import type { AttachIr, AttachPointIr } from './ir.js';
import { SchemaError } from './schema-error.js';

/**
 * Where a program finds the target: at the first instruction of a C function; at the first or last
 * one of a Go function (`goEdge`), or such a one on the system stack (`goSystem`); inside a Go
 * function that has set up its frame; in the kernel.
 */
export type StackWalk = 'cEntry' | 'goEdge' | 'goSystem' | 'goBody' | 'kernel';

/** The walk at one way to attach; undefined at the return of a C function, which has none. */
function walkAt(way: AttachIr): StackWalk | undefined {
  switch (way.kind) {
    case 'cFunction':
      return 'cEntry';
    case 'cReturn':
      return undefined;
    case 'goEntry':
    case 'goReturn':
      return way.systemStack ? 'goSystem' : 'goEdge';
    case 'goCall':
      return 'goBody';
    default:
      return 'kernel';
  }
}

/** Program → its walk, in the order of the attach points; undefined for one that has none. */
export function walksOf(attach: readonly AttachPointIr[]): Map<string, StackWalk | undefined> {
  const walks = new Map<string, StackWalk | undefined>();
  for (const way of attach.flatMap(point => point.oneOf)) walks.set(way.program, walkAt(way));
  return walks;
}

/** Refuses a field that asks for a whole stack where no program, or no single walk, gives one. */
export function checkWholeStacks(definition: ProbeDefinition): void {
  const path = firstWholeStack(definition);
  if (path === undefined) return;
  const walks = walksOf(definition.attach);
  for (const point of definition.attach) {
    for (const way of point.oneOf) {
      const last = walks.get(way.program);
      const here = walkAt(way);
      if (here === last) continue;
      throw new SchemaError(
        `attach.${point.name}`,
        `program "${way.program}" finds its stack as ${here ?? 'none'} by "${way.name}" ` +
          `and as ${last ?? 'none'} elsewhere`,
        'give each place a program of its own',
      );
    }
  }
  if ([...walks.values()].some(walk => walk !== undefined)) return;
  throw new SchemaError(
    path,
    'no attach point gives a whole stack: cReturn runs when the function has returned',
    'take the stack at the entry (cFunction) and keep it in a map until the return',
  );
}

function firstWholeStack({ types = {}, events, maps = {} }: ProbeDefinition): string | undefined {
  const inFields = (path: string, fields: Fields): string[] =>
    Object.entries(fields)
      .filter(([, spec]) => isWholeStack(spec))
      .map(([name]) => `${path}.${name}`);
  return [
    ...Object.entries(types).flatMap(([name, type]) =>
      type.kind === 'struct' ? inFields(`types.${name}`, type.fields) : [],
    ),
    ...Object.entries(events).flatMap(([name, { fields }]) => inFields(`events.${name}`, fields)),
    ...Object.entries(maps).flatMap(([name, { key, value }]) =>
      inFields(`maps.${name}`, { ...(key && { key }), ...(value && { value }) }),
    ),
  ][0];
}

function isWholeStack(spec: FieldSpec): boolean {
  if (spec.kind === 'array' || spec.kind === 'flexible') return isWholeStack(spec.of);
  return spec.kind === 'scalar' && spec.wholeStack === true;
}
