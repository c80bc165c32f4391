/**
 * Stack ids of events as the functions that they stand for.
 *
 * The fact readers get wrong: names come from the target's mappings, so ask while it lives.
 */
import type { Session } from '@sonde/core';
import { StackSymbolizer } from '@sonde/core/stacks';

/**
 * Returns a function from a stack's id to its functions, innermost first, inlined ones included;
 * it remembers each id. An unknown id has none.
 */
export function functionsOf(
  session: Pick<Session, 'process' | 'stack'>,
): (id: bigint) => readonly string[] {
  const symbolizer = new StackSymbolizer(session.process);
  const known = new Map<bigint, readonly string[]>();
  return id => {
    const names =
      known.get(id) ?? symbolizer.symbolize(session.stack(id)).map(frame => frame.function);
    known.set(id, names);
    return names;
  };
}
