/**
 * Prints `packages/core/bpf/gen/sonde_types.bpf.h`: the framework's structs and the accessors of
 * arguments and results. What a reader would get wrong: the accessors take a literal number, pasted
 * into a name, so that an argument that a convention does not have fails to compile.
 */
import {
  FRAMEWORK_EVENTS,
  LOSS_SLOTS,
  FRAMEWORK_STRUCTS,
  SONDE_LOSS,
  STACK_FRAMES_MAX,
  mappingCall,
  snakeCase,
  switchReason,
  upperCase,
  type EnumSpec,
} from '@sonde/core/schema';
import { CALLING_CONVENTIONS } from './calling-conventions.js';
import { CNames, enumScalars } from './c-type.js';
import { layoutTable } from './layout-table.js';
import { structModel } from './struct-model.js';
import { render } from './templates.js';

/** Where the framework's structs are declared; printed in the first line. */
export const FRAMEWORK_SOURCE = 'packages/core/src/schema/framework.ts';

/** The whole header as text; depends on nothing but this version of the code. */
export function printFrameworkHeader(): string {
  const names = new CNames({ name: 'sonde' });
  const scalarOfEnum = enumScalars({ types: [] });
  const structs = FRAMEWORK_STRUCTS.map(struct => {
    const tag = names.tag(struct.name);
    const table = layoutTable(`struct ${tag}`, struct, field =>
      names.abstract(field.type, scalarOfEnum),
    );
    return { table, ...structModel(struct, tag, names, scalarOfEnum) };
  });
  return render('sonde_types.bpf.h.hbs', {
    source: FRAMEWORK_SOURCE,
    structs,
    losses: {
      comment: SONDE_LOSS.about,
      tag: snakeCase(SONDE_LOSS.name),
      slots: LOSS_SLOTS,
      values: SONDE_LOSS.values.map(value => ({
        ...value,
        name: `SONDE_LOSS_${upperCase(value.name)}`,
      })),
    },
    enums: [
      sharedEnum('switch', 'reason', switchReason),
      sharedEnum('mapping', 'call', mappingCall),
    ],
    framesMax: STACK_FRAMES_MAX,
    frameworkEvents: FRAMEWORK_EVENTS,
    conventions: CALLING_CONVENTIONS.map((convention, index) => ({
      ...convention,
      directive: index === 0 ? '#if' : '#elif',
      cArgs: convention.c.args.map((register, n) => ({ n, register })),
      goWords: convention.go.words.map((register, n) => ({ n, register })),
    })),
  });
}

/** An enum that schemas include by value: `enum sonde_SUBJECT_NOUN` of `SONDE_SUBJECT_…`. */
function sharedEnum(subject: string, noun: string, spec: EnumSpec) {
  return {
    comment: spec.about,
    tag: `sonde_${subject}_${noun}`,
    values: Object.entries(spec.values).map(([name, { value, about }]) => ({
      name: `SONDE_${upperCase(subject)}_${upperCase(name)}`,
      value,
      about,
    })),
  };
}
