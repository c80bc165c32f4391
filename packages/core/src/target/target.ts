/**
 * The traced process: what it is, where its code lies, what its memory holds. What a reader would
 * get wrong: everything here that needs the live process says so; names do not, because the
 * mapped files are kept open from the first snapshot on.
 */
import { setTimeout } from 'node:timers/promises';
import {
  type Arch,
  findCallbackPlaces,
  findRuntimeGlobals,
  findTlsG,
  type GlobalName,
  goBuildId,
  type GoProgram,
  type InstructionReader,
  openInstructionReader,
  type PerfMap,
  type RuntimeGlobals,
  type TlsG,
  viewOf,
} from '@sonde/symbols';
import { UsageError } from '../errors.js';
import { type AttachLocation, resolveAttach, type TargetAttachIr } from './attach-places.js';
import { GoCounterReader } from './go-counters.js';
import { type AddressRange, MemoryReader } from './memory-reader.js';
import { type Module, ModuleTable } from './modules.js';
import * as open from './open-target.js';
import { PerfMapFile } from './perf-map-file.js';
import { kilobytes, type MapEntry, type ProcStat, readKeyed, readStat } from './proc.js';
import { checkRuntime, type TargetRuntime, targetRuntime } from './target-runtime.js';
import { type LiveFacts, type TargetConfig, targetConfig } from './target-config.js';

/** What a report says of the target. */
export interface TargetInfo {
  readonly pid: number;
  /** Path of the program as the target sees it. */
  readonly exe: string;
  readonly arch: Arch;
  /** Version string of the Go release, such as `go1.26.8`. */
  readonly goRelease: string;
  /** GNU build ID in hexadecimal, else Go's own, else empty. */
  readonly buildId: string;
  /** When it started, in nanoseconds since boot. */
  readonly startTimeNs: number;
  readonly cgo: boolean;
  readonly stripped: boolean;
  readonly pie: boolean;
  readonly goAbi: 0 | 1;
  /** Path of the library that holds the Go program, where it is not the executable. */
  readonly goLibrary?: string;
  /** By which means the runtime's offsets are known, such as `exact table 1.26.0/x86_64`. */
  readonly tableRung: string;
  /** What the check of those offsets in the live process saw, such as `passed: 9 goroutines, …`. */
  readonly selfCheck?: string;
}

/** One reading of the target's memory figures, all in bytes; `cpuNs` is the CPU time so far. */
export interface MemorySample {
  readonly rssBytes: number;
  readonly anonBytes: number;
  readonly fileBytes: number;
  readonly shmemBytes: number;
  readonly goHeapInUseBytes?: number;
  readonly goHeapIdleBytes?: number;
  readonly goHeapReleasedBytes?: number;
  readonly goStacksBytes?: number;
  readonly goGcCycles?: number;
  readonly cpuNs: number;
}

const EXIT_POLL_MS = 50;

interface Parts {
  readonly info: TargetInfo;
  readonly go: GoProgram;
  readonly table: ModuleTable;
  readonly executable: Module;
  /** The module that holds the Go program: the executable, or a c-shared library. */
  readonly goModule: Module;
  readonly globals: RuntimeGlobals;
  readonly memory: MemoryReader;
  readonly instructions: InstructionReader;
  readonly tlsG: TlsG | undefined;
  readonly counters: GoCounterReader | undefined;
  readonly perfMap: PerfMapFile;
}

/** An opened target; close it when done. */
export class Target {
  readonly info: TargetInfo;
  /** What the program's file says of its Go side. */
  readonly go: GoProgram;
  readonly #parts: Parts;
  readonly #config: TargetConfig;

  constructor(parts: Parts) {
    this.info = parts.info;
    this.go = parts.go;
    this.#parts = parts;
    this.#config = targetConfig(parts.info.pid, parts.go, parts.goModule, liveFacts(parts));
  }

  /** Values of `struct sonde_target` by schema name, but for those that the session decides. */
  config(): TargetConfig {
    return this.#config;
  }

  /** Places of an attach alternative; throws UnsupportedError where the target lacks it. */
  resolve(attach: TargetAttachIr): AttachLocation[] {
    const { go, instructions, executable, goModule, table } = this.#parts;
    const memProfileRate = () => readGlobal(this.#parts, 'memProfileRate');
    const scope = { modules: table.modules, executable, goModule, go, instructions };
    return resolveAttach({ ...scope, memProfileRate }, attach);
  }

  /** The last snapshot of all mappings. */
  maps(): readonly MapEntry[] {
    return this.#parts.table.entries;
  }

  /** Every file with code that was ever seen mapped, with build ID and load bias. */
  modules(): readonly Module[] {
    return this.#parts.table.modules;
  }

  /** The module whose code holds a runtime address, or undefined. */
  moduleAt(address: bigint): Module | undefined {
    return this.#parts.table.at(address);
  }

  /** Takes a new snapshot of the mappings; false, and nothing changes, once the target is gone. */
  refreshMaps(): boolean {
    this.#parts.perfMap.look();
    return this.#parts.table.refresh();
  }

  /** Functions that a JIT in the target compiled, by its perf map; read again when that grew. */
  perfMap(): PerfMap | undefined {
    return this.#parts.perfMap.map();
  }

  /** Why the perf map, or lines of it, were refused; empty where there is nothing to say. */
  perfMapNotes(): readonly string[] {
    return this.#parts.perfMap.notes();
  }

  /** Bytes of the live target's memory; throws UsageError where nothing is mapped. */
  readMemory(address: bigint, length: number): Uint8Array {
    return this.#parts.memory.read(address, length);
  }

  /** The Go runtime's own data in the live process; nothing of it is read yet. */
  runtime(): TargetRuntime {
    const { go, memory, globals, goModule } = this.#parts;
    return targetRuntime(go, memory, globals, goModule.bias);
  }

  /** Resident bytes per range, by the page table's present bits. Needs the live target. */
  residentPages(ranges: readonly AddressRange[]): number[] {
    return this.#parts.memory.residentBytes(ranges);
  }

  /**
   * RSS by kind and Go's own counters. The Go figures are absent where they cannot be found or
   * contradict themselves. Throws UsageError once the target is gone.
   */
  memorySample(): MemorySample {
    const { pid } = this.info;
    try {
      const rollup = readKeyed(`/proc/${pid}/smaps_rollup`);
      const rssBytes = kilobytes(rollup, 'Rss');
      const anonBytes = kilobytes(rollup, 'Anonymous');
      const shmemBytes = kilobytes(readKeyed(`/proc/${pid}/status`), 'RssShmem');
      return {
        rssBytes,
        anonBytes,
        fileBytes: Math.max(0, rssBytes - anonBytes - shmemBytes),
        shmemBytes,
        ...this.#parts.counters?.read(),
        cpuNs: readStat(pid).cpuNs,
      };
    } catch (error) {
      throw open.exitedMeanwhile(pid, error);
    }
  }

  /** CPU time of the target so far, in nanoseconds (10 ms steps); undefined once it is gone. */
  cpuNs(): number | undefined {
    return this.#liveStat()?.cpuNs;
  }

  /**
   * Resolves when the target has exited (a zombie has), checked every 50 ms, or when the signal
   * aborts. Keeps this process alive until then.
   */
  async exited(signal?: AbortSignal): Promise<void> {
    const options = signal === undefined ? {} : { signal };
    while (this.#liveStat() !== undefined && signal?.aborted !== true) {
      await setTimeout(EXIT_POLL_MS, undefined, options).catch((error: unknown) => {
        if (signal?.aborted !== true) throw error;
      });
    }
  }

  /** Closes all files; names and memory can no longer be read after that. */
  close(): void {
    this.#parts.memory.close();
    this.#parts.perfMap.close();
    this.#parts.table.close();
  }

  /** The process's stat while it is the same process and alive. */
  #liveStat(): ProcStat | undefined {
    try {
      const stat = readStat(this.info.pid);
      const same = stat.startTimeNs === this.info.startTimeNs;
      return same && stat.state !== 'Z' && stat.state !== 'X' ? stat : undefined;
    } catch {
      return undefined;
    }
  }
}

/** A word of the runtime's globals as it is now, as a number; undefined where it is not found. */
function readGlobal(parts: Parts, name: GlobalName): number | undefined {
  const address = parts.globals[name];
  if (address === undefined) return undefined;
  try {
    return Number(
      viewOf(parts.memory.read(BigInt(address) + parts.goModule.bias, 8)).getBigInt64(0, true),
    );
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

/** What only the live process tells. Throws UsageError once it is gone. */
function liveFacts({ go, goModule, instructions, memory, globals, tlsG }: Parts): LiveFacts {
  let tlsGOffset: number | undefined;
  if (tlsG !== undefined) {
    // The dynamic linker left the offset in a word of the library's own table.
    const word = (slot: number): Uint8Array => memory.read(BigInt(slot) + goModule.bias, 8);
    tlsGOffset =
      'offset' in tlsG ? tlsG.offset : Number(viewOf(word(tlsG.slot)).getBigInt64(0, true));
  }
  const { memstats } = globals;
  return {
    tlsGOffset,
    callback: findCallbackPlaces(go, instructions),
    memstats: memstats === undefined ? undefined : BigInt(memstats) + goModule.bias,
  };
}

/** The module that holds the Go program: the executable, else the first Go library mapped. */
function findGoModule(table: ModuleTable, executable: Module): Module {
  const { modules } = table;
  const found = modules.find(m => m.elf !== undefined && open.holdsGo(m.elf));
  return found ?? executable;
}

/**
 * Opens a running Go program. Throws UsageError with a hint for a pid that cannot be traced (no
 * such process, no rights, kernel thread, thread, 32-bit, foreign architecture, not Go), and
 * UnsupportedError for a Go release without tables. Costs some 30 ms.
 */
export async function openTarget(pid: number): Promise<Target> {
  const stat = open.checkProcess(pid);
  const exe = open.checkExecutable(pid);
  open.checkArchitecture(pid, exe);
  const table = new ModuleTable(pid);
  let memory: MemoryReader | undefined;
  try {
    if (!table.refresh()) throw open.exitedMeanwhile(pid);
    const executable = table.modules.find(m => m.executable);
    if (executable?.elf === undefined) throw open.exitedMeanwhile(pid);
    const goModule = findGoModule(table, executable);
    const elf = goModule.elf ?? executable.elf;
    const go = await open.confirmGoProgram(
      pid,
      goModule.path,
      open.checkGoProgram(pid, goModule.path, elf),
    );
    const instructions = await openInstructionReader(elf.arch);
    try {
      memory = new MemoryReader(pid);
    } catch (error) {
      throw open.noMemoryRights(pid, error);
    }
    const globals = findRuntimeGlobals(go, instructions);
    const counters = GoCounterReader.open(memory, go.offsets, globals, goModule.bias);
    const info: TargetInfo = {
      pid,
      exe,
      arch: elf.arch,
      goRelease: go.release.name,
      buildId: elf.buildId ?? goBuildId(elf) ?? '',
      startTimeNs: stat.startTimeNs,
      cgo: go.cgo,
      stripped: go.stripped,
      pie: go.pie,
      goAbi: go.goAbi,
      ...(goModule !== executable && { goLibrary: goModule.path }),
      tableRung: go.offsets.rung,
      selfCheck: checkRuntime(pid, go, memory, globals, goModule.bias),
    };
    const tlsG = findTlsG(go, instructions);
    const parts = { info, go, table, executable, goModule, globals, memory, instructions };
    return new Target({ ...parts, tlsG, counters, perfMap: new PerfMapFile(pid) });
  } catch (error) {
    table.close();
    memory?.close();
    throw error;
  }
}
