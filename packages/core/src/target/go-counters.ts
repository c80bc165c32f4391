/**
 * The few of Go's own counters that go into every sample of a trace. What a reader would get
 * wrong: they are no second reading of the runtime; {@link MemStatsReader} is the only one.
 */
import type { GoOffsets, RuntimeGlobals } from '@sonde/symbols';
import { type MemStatsGlobals, type MemStatsMemory, MemStatsReader } from './go-mem-stats.js';

/** What the runtime says of its heap and stacks, in bytes. */
export interface GoCounters {
  /** MemStats.HeapInuse. */
  readonly goHeapInUseBytes: number;
  /** MemStats.HeapIdle. */
  readonly goHeapIdleBytes: number;
  /** MemStats.HeapReleased. */
  readonly goHeapReleasedBytes: number;
  /** MemStats.StackInuse. */
  readonly goStacksBytes: number;
  /** MemStats.NumGC: collections that have finished. */
  readonly goGcCycles: number;
}

/** The globals of {@link MemStatsReader} at run time; `bias` is the main program's load bias. */
export function memStatsGlobals(globals: RuntimeGlobals, bias: bigint): MemStatsGlobals {
  const at = (name: keyof MemStatsGlobals) => {
    const address = globals[name];
    return address === undefined ? {} : { [name]: BigInt(address) + bias };
  };
  return { ...at('memstats'), ...at('gcController'), ...at('mheap') };
}

/** Reads counters of one process. */
export class GoCounterReader {
  readonly #stats: MemStatsReader;

  /** The reader, or undefined where a global that it needs was not found. */
  static open(
    memory: MemStatsMemory,
    offsets: GoOffsets,
    globals: RuntimeGlobals,
    bias: bigint,
  ): GoCounterReader | undefined {
    const stats = MemStatsReader.open(memory, offsets, memStatsGlobals(globals, bias));
    return stats && new GoCounterReader(stats);
  }

  private constructor(stats: MemStatsReader) {
    this.#stats = stats;
  }

  /** One consistent set; undefined when no try gave one, as before the runtime has started. */
  read(): GoCounters | undefined {
    const stats = this.#stats.read();
    return (
      stats && {
        goHeapInUseBytes: stats.heapInUseBytes,
        goHeapIdleBytes: stats.heapIdleBytes,
        goHeapReleasedBytes: stats.heapReleasedBytes,
        goStacksBytes: stats.stackInUseBytes,
        goGcCycles: stats.gcCycles,
      }
    );
  }
}
