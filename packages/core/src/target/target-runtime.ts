/**
 * The door to the Go runtime's own data in a live process: reads that never stop it, the release's
 * offsets, and the addresses of its globals. What a reader would get wrong: addresses here are
 * those of the running process, load bias included; a global that was not found is absent.
 */
import type { Arch, GlobalName, GoOffsets, GoProgram, RuntimeGlobals } from '@sonde/symbols';
import { memStatsGlobals } from './go-counters.js';
import { type GoMemStats, MemStatsReader } from './go-mem-stats.js';
import type { MemoryReader } from './memory-reader.js';

/** What a reader of the runtime's data needs. */
export interface TargetRuntime {
  readonly memory: Pick<MemoryReader, 'read' | 'readMany' | 'means'>;
  readonly offsets: GoOffsets;
  readonly arch: Arch;
  /** Runtime addresses of the globals that were found. */
  readonly globals: Readonly<Partial<Record<GlobalName, bigint>>>;
  /** By which means each was found. */
  readonly foundBy: RuntimeGlobals['foundBy'];
  /** Runtime address less the address in the file. */
  readonly bias: bigint;
  /** MemStats now; undefined where its globals were not found or no reading was consistent. */
  memStats(): GoMemStats | undefined;
}

/** Joins the parts of an opened target. Nothing of the process is read. */
export function targetRuntime(
  go: GoProgram,
  memory: MemoryReader,
  globals: RuntimeGlobals,
  bias: bigint,
): TargetRuntime {
  const { foundBy } = globals;
  const addresses: Partial<Record<GlobalName, bigint>> = {};
  for (const name of Object.keys(foundBy) as GlobalName[]) {
    addresses[name] = BigInt(globals[name]!) + bias;
  }
  const stats = MemStatsReader.open(memory, go.offsets, memStatsGlobals(globals, bias));
  return {
    memory,
    offsets: go.offsets,
    arch: go.elf.arch,
    globals: addresses,
    foundBy,
    bias,
    memStats: () => stats?.read(),
  };
}
