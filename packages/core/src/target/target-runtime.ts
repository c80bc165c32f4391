/**
 * The door to the Go runtime's own data in a live process: reads that never stop it, the release's
 * offsets, and the addresses of its globals. What a reader would get wrong: addresses here are
 * those of the running process, load bias included; a global that was not found is absent.
 */
import { readdirSync } from 'node:fs';
import type { Arch, GlobalName, GoOffsets, GoProgram, RuntimeGlobals } from '@sonde/symbols';
import { memStatsGlobals } from './go-counters.js';
import { type GoMemStats, MemStatsReader } from './go-mem-stats.js';
import type { MemoryReader } from './memory-reader.js';
import { readKeyed } from './proc.js';
import { selfCheck } from './self-check.js';

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

/** Addresses of the found globals in the running process. */
function runtimeAddresses(
  globals: RuntimeGlobals,
  bias: bigint,
): Partial<Record<GlobalName, bigint>> {
  const addresses: Partial<Record<GlobalName, bigint>> = {};
  for (const name of Object.keys(globals.foundBy) as GlobalName[]) {
    addresses[name] = BigInt(globals[name]!) + bias;
  }
  return addresses;
}

/** Thread ids as the process sees them: those of its own pid namespace. */
function threadIds(pid: number): ReadonlySet<number> {
  const numbers = (file: string): string[] => readKeyed(file).get('NSpid')?.split(/\s+/) ?? [];
  const tasks = readdirSync(`/proc/${pid}/task`);
  if (numbers(`/proc/${pid}/status`).length < 2) return new Set(tasks.map(Number));
  // A thread may exit between the listing and the reading.
  return new Set(
    tasks.flatMap(tid => {
      try {
        return Number(numbers(`/proc/${pid}/task/${tid}/status`).at(-1) ?? tid);
      } catch {
        return [];
      }
    }),
  );
}

/**
 * Checks the offsets in the live process; returns what was seen. Throws UnsupportedError naming
 * the field where they do not hold.
 */
export function checkRuntime(
  pid: number,
  go: GoProgram,
  memory: MemoryReader,
  globals: RuntimeGlobals,
  bias: bigint,
): string {
  return selfCheck({
    memory,
    offsets: go.offsets,
    globals: runtimeAddresses(globals, bias),
    threads: () => threadIds(pid),
  });
}

/** Joins the parts of an opened target. Nothing of the process is read. */
export function targetRuntime(
  go: GoProgram,
  memory: MemoryReader,
  globals: RuntimeGlobals,
  bias: bigint,
): TargetRuntime {
  const { foundBy } = globals;
  const stats = MemStatsReader.open(memory, go.offsets, memStatsGlobals(globals, bias));
  return {
    memory,
    offsets: go.offsets,
    arch: go.elf.arch,
    globals: runtimeAddresses(globals, bias),
    foundBy,
    bias,
    memStats: () => stats?.read(),
  };
}
