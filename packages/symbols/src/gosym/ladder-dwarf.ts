/**
 * Offsets by the keys of the tables, from a program's own DWARF. What a reader would get wrong:
 * a key names a type of package runtime, unless it begins with another package's name; and `work`
 * is a variable, whose type had no name before 1.20.
 */
import type { DwarfStructures } from '../dwarf/index.js';
import type { GoOffsets } from './offsets.js';

/** The rung that reports name. */
export const DWARF_RUNG = "the program's own DWARF";

/** Types of package runtime that the tables hold; the variable `work` among them. */
const RUNTIME_TYPES =
  'g gobuf stack m p schedt sudog hchan waitq _defer _panic mspan mSpanList mSpanStateBox mheap ' +
  'heapArena mcache mcentral gcControllerState mstats heapStatsDelta consistentHeapStats ' +
  'sysMemStat bucket memRecord memRecordCycle blockRecord fixalloc mutex special specialprofile ' +
  'specialfinalizer specialReachable specialCleanup moduledata functab findfuncbucket _func ' +
  'pcHeader textsect modulehash work';
const SYNC_TYPES = 'Pool poolLocal poolLocalInternal poolChain poolChainElt poolDequeue';

/** The types whose fields are asked for, as DWARF names them. */
export function dwarfTypeNames(): ReadonlySet<string> {
  return new Set([
    ...RUNTIME_TYPES.split(' ').map(name => `runtime.${name}`),
    ...SYNC_TYPES.split(' ').map(name => `sync.${name}`),
  ]);
}

/** Type and path of a key: `g.sched.bp`, `sync.poolLocal.pad`, `mspan.sizeof`. */
function parseKey(key: string): { type: string; path: string[] } {
  const parts = key.split('.');
  const named = parts[0] === 'sync' || parts[0] === 'runtime';
  const type = named ? `${parts[0]}.${parts[1] ?? ''}` : `runtime.${parts[0] ?? ''}`;
  return { type, path: parts.slice(named ? 2 : 1) };
}

/** Offsets of one program. A type that the linker left out of its DWARF has no fields. */
export function dwarfOffsetsOf(structures: DwarfStructures): GoOffsets {
  const get = (key: string): number | undefined => {
    const { type, path } = parseKey(key);
    if (path.length === 1 && path[0] === 'sizeof') return structures.sizeOf(type);
    return structures.offsetOf(type, path);
  };
  return {
    key: 'DWARF',
    rung: DWARF_RUNG,
    get,
    need(field) {
      const offset = get(field);
      if (offset === undefined) {
        throw new RangeError(`read offset ${field}: not in the program's own DWARF`);
      }
      return offset;
    },
  };
}
