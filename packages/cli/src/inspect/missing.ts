/**
 * What a program lacks and what follows from it, in sentences. The fact a reader gets wrong: a
 * stripped program lacks nothing that Go needs; only C functions lose their names.
 */
import type { GoProgram } from '@sonde/symbols';
import type { Hook, Missing } from './inspection.js';

/**
 * Since Go 1.17 the linker switches memory profiling off where nothing reaches runtime.MemProfile
 * (cmd/link/internal/ld, runtime.disableMemoryProfiling).
 */
const LINKER_SWITCHES_PROFILING_SINCE = 17;
/** The functions that keep profiling on; the second one since 1.23. */
const PROFILE_READERS = ['runtime.MemProfile', 'runtime.memProfileInternal'];

/** True where the linker switched the runtime's own heap samples off. */
function profilingDisabled(go: GoProgram): boolean {
  return (
    go.release.minor >= LINKER_SWITCHES_PROFILING_SINCE &&
    !PROFILE_READERS.some(name => go.pclntab.functionNamed(name) !== undefined)
  );
}

/** Points without any way in this program, those with one reason together. */
function withoutHooks(hooks: readonly Hook[]): Missing[] {
  const groups = new Map<string, Hook[]>();
  for (const hook of hooks) {
    if (hook.alternatives.some(each => each.state !== 'missing')) continue;
    const reason = hook.alternatives[0]?.reason ?? 'no alternative';
    const key = `${hook.probe}: ${reason}`;
    groups.set(key, [...(groups.get(key) ?? []), hook]);
  }
  return [...groups].map(([what, group]) => {
    const { probe } = group[0]!;
    if (group.some(hook => hook.need === 'required')) {
      return { what, follows: `${probe} cannot be attached` };
    }
    return { what, follows: `not seen: ${group.map(hook => hook.point).join(', ')}` };
  });
}

/** Everything that is missing; empty for a program with nothing to say. */
export function findMissing(
  go: GoProgram,
  facts: { readonly tableProblem: string | undefined; readonly tlsKnown: boolean },
  hooks: readonly Hook[],
): Missing[] {
  const missing: Missing[] = [];
  if (facts.tableProblem !== undefined) {
    const follows = 'names, files and lines are right, but no probe can be attached';
    missing.push({ what: facts.tableProblem, follows });
  }
  if (profilingDisabled(go)) {
    missing.push({
      what: 'memory profiling: the linker switched it off, as nothing uses runtime.MemProfile',
      follows: "there are no samples of the runtime's own; large objects are seen all the same",
    });
  }
  if (go.cgo && !facts.tlsKnown) {
    missing.push({
      what: 'the place of g in thread-local storage',
      follows: 'C allocations show no Go frames',
    });
  }
  if (go.cgo && go.stripped) {
    missing.push({
      what: 'a symbol table',
      follows: 'C functions of the program have no names, unless its debug file is installed',
    });
  }
  return [...missing, ...withoutHooks(hooks)];
}
