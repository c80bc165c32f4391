/**
 * What an event's `_reserve` takes and fills beside the header. What a reader would get wrong: a
 * whole stack is an argument and never taken after the reservation, so that a stack which is new to
 * user space lies before the event that names it in the ring.
 */
import { snakeCase, type EventIr, type FieldIr, type TypeIr } from '@sonde/core/schema';

/** Parts of one reserve function, for the template. */
export interface ReserveModel {
  readonly reserveComment: string;
  readonly reserveParameters: string;
  readonly reserveFills: readonly { readonly name: string; readonly value: string }[];
}

/**
 * An event with whole stacks takes them as arguments, in the order of its fields, and has its
 * thread filled in: the only field of unit `tid`, if there is exactly one.
 */
export function reserveModel({ name, struct }: EventIr): ReserveModel {
  const stacks = struct.fields.filter(({ type }) => type.kind === 'scalar' && type.wholeStack);
  const threads = struct.fields.filter(({ type }) => hasUnit(type, 'tid'));
  const thread = stacks.length > 0 && threads.length === 1 ? threads : [];
  const filled = ['its header', ...[...stacks, ...thread].map(field => snakeCase(field.name))];
  const list = filled.length === 1 ? filled[0] : filled.join(', ').replace(/, (?!.*, )/, ' and ');
  const lost = `NULL when the ring is full${stacks.length === 0 ? ', which is counted' : ''}`;
  const argument = (field: FieldIr): string => `${snakeCase(field.name)}_id`;
  return {
    reserveComment: `/* A zeroed ${name} record with ${list} filled; ${lost}. */`,
    reserveParameters: stacks.map(field => `__u64 ${argument(field)}`).join(', ') || 'void',
    reserveFills: [
      ...stacks.map(field => ({ name: snakeCase(field.name), value: argument(field) })),
      ...thread.map(field => ({ name: snakeCase(field.name), value: 'sonde_tid()' })),
    ],
  };
}

function hasUnit(type: TypeIr, unit: string): boolean {
  return type.kind === 'scalar' && type.unit === unit;
}
