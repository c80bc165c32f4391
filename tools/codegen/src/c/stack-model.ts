/**
 * `PROBE_stack(ctx)`: the whole stack at the place where a program is attached. What a reader would
 * get wrong: where a probe's programs stand at different places it is a macro that asks, while it
 * compiles, in which program it stands. In any other function it does not compile, so that no walk
 * is taken for another.
 */
import {
  walksOf,
  type FieldIr,
  type ProbeIr,
  type StackWalk,
  type TypeIr,
} from '@sonde/core/schema';
import { blockComment } from './c-comment.js';

/** One declaration: its comment, and the lines of its code. */
export interface StackModel {
  readonly comment: string;
  readonly code: readonly string[];
}

/** How a walk is called in the header, and the function of sonde_stack.bpf.h that does it. */
interface WalkCall {
  readonly place: string;
  readonly call: string;
}

const CALLS: Readonly<Record<StackWalk, WalkCall>> = {
  cEntry: { place: 'at_c_entry', call: 'sonde_stack_at_c_entry(ctx, NULL)' },
  goEdge: { place: 'at_edge', call: 'sonde_stack_at_edge(ctx)' },
  goSystem: { place: 'behind_switch', call: 'sonde_stack_behind_switch(ctx)' },
  goBody: { place: 'in_body', call: 'sonde_stack_in_body(ctx)' },
  kernel: { place: 'of_task', call: 'sonde_stack_of_task(ctx)' },
};

/** What `PROBE_stack_and_goid` calls: of a goroutine that called into C both are found at once. */
const CALLS_WITH_GOID: Readonly<Partial<Record<StackWalk, WalkCall>>> = {
  cEntry: { place: 'at_c_entry', call: 'sonde_stack_at_c_entry(ctx, goid)' },
};

type Walks = ReadonlyMap<string, StackWalk | undefined>;

/** The accessors of a probe's header; none where its schema asks for no whole stack. */
export function stackModels(ir: ProbeIr, prefix: string): StackModel[] {
  const types = [...declaredTypes(ir)];
  if (!types.some(isWholeStack)) return [];
  const walks = walksOf(ir.attach);
  const models = [
    accessor(
      'The id of the whole stack of the target where this program stands; 0 where there is none.',
      `${prefix}_stack`,
      ['ctx'],
      walks,
      CALLS,
    ),
  ];
  const wantsGoid = types.some(type => type.kind === 'scalar' && type.unit === 'goid');
  if (wantsGoid && [...walks.values()].includes('cEntry')) {
    const about = 'The same, and the number of the goroutine that called into C, 0 if none did.';
    models.push(
      accessor(about, `${prefix}_stack_and_goid`, ['ctx', 'goid'], walks, CALLS_WITH_GOID),
    );
  }
  return models;
}

function accessor(
  about: string,
  name: string,
  parameters: readonly string[],
  walks: Walks,
  calls: Readonly<Partial<Record<StackWalk, WalkCall>>>,
): StackModel {
  const programs = new Map<WalkCall, string[]>();
  for (const [program, walk] of walks) {
    const call = walk === undefined ? undefined : calls[walk];
    if (call !== undefined) programs.set(call, [...(programs.get(call) ?? []), program]);
  }
  const [[only, inside] = [undefined, []]] = programs;
  if (only === undefined || inside.length !== walks.size) {
    const comment = blockComment(`${about} A macro for programs: any other function has none.`);
    return { comment, code: macro(name, parameters, [...programs]) };
  }
  const declared = parameters.map(parameter =>
    parameter === 'ctx' ? 'void *ctx' : `__u64 *${parameter}`,
  );
  const head = `static __always_inline __u64 ${name}(${declared.join(', ')})`;
  return { comment: blockComment(about), code: [head, '{', `\treturn ${only.call};`, '}'] };
}

/** Finds out in which program it stands, asserts that it is one, and takes the stack there. */
function macro(
  name: string,
  parameters: readonly string[],
  programs: readonly (readonly [WalkCall, readonly string[]])[],
): string[] {
  const places = programs.map(([{ place }]) => place);
  // A program in the kernel gets something else than registers.
  const mixed = places.length > 1 && places.includes('of_task');
  const choice = programs.map(([{ place, call }], index) => {
    const taken = mixed ? call.replace('ctx', '(void *)(ctx)') : call;
    return index === programs.length - 1 ? `\t\t${taken};` : `\t\t${place} ? ${taken} :`;
  });
  return continued([
    `#define ${name}(${parameters.join(', ')})`,
    '\t({',
    '\t\tenum {',
    ...programs.flatMap(([{ place }, inside]) => condition(`\t\t\t${place} = `, inside, ',')),
    '\t\t};',
    '',
    `\t\t_Static_assert(${places.join(' || ')},`,
    '\t\t\t       "no program that has a stack");',
    ...choice,
    '\t})',
  ]);
}

/** `head A || B tail`, one program to a line. */
function condition(head: string, programs: readonly string[], tail: string): string[] {
  const width = shownWidth(head);
  const indent = '\t'.repeat(Math.floor(width / 8)) + ' '.repeat(width % 8);
  return programs.map((program, index) => {
    const end = index === programs.length - 1 ? tail : ' ||';
    return `${index === 0 ? head : indent}SONDE_STANDS_IN("${program}")${end}`;
  });
}

/** Columns of a text that begins with tabs. */
function shownWidth(text: string): number {
  const tabs = text.length - text.replace(/^\t+/, '').length;
  return tabs * 8 + text.length - tabs;
}

/** The lines of a macro, each but the last continued by a backslash in the last column. */
function continued(lines: readonly string[]): string[] {
  return lines.map((line, index) =>
    index === lines.length - 1
      ? line
      : `${line}${' '.repeat(Math.max(1, 99 - shownWidth(line)))}\\`,
  );
}

/** Every type that the schema declares for a field, a key or a value. */
function* declaredTypes(ir: ProbeIr): Generator<TypeIr> {
  const structs = [...ir.types, ...ir.events.map(event => event.struct)];
  const fields = structs.flatMap((type): readonly FieldIr[] =>
    type.kind === 'struct' ? type.fields : [],
  );
  const entries = ir.maps.flatMap(({ key, value }) => [key, value]);
  for (const type of [...fields.map(field => field.type), ...entries]) {
    if (type !== undefined) yield* withElements(type);
  }
}

function* withElements(type: TypeIr): Generator<TypeIr> {
  yield type;
  if (type.kind === 'array' || type.kind === 'flexible') yield* withElements(type.of);
}

function isWholeStack(type: TypeIr): boolean {
  return type.kind === 'scalar' && type.wholeStack === true;
}
