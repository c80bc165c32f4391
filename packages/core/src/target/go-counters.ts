/**
 * Go's own memory counters, read from outside. What a reader would get wrong: the words are read
 * while the runtime changes them; a set that contradicts itself is read again, and after a few
 * tries nothing is claimed. HeapIdle of runtime.MemStats is heapFree + heapReleased.
 */
import { type GoOffsets, readU64, type RuntimeGlobals, viewOf } from '@sonde/symbols';
import type { MemoryReader } from './memory-reader.js';

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

const TRIES = 5;
/** Deltas that the runtime accumulates in turn (runtime/mstats.go, consistentHeapStats). */
const DELTAS = 3;
const BYTES_MAX = 2 ** 47;
/** Heap figures count whole physical pages, whose size is at least this on every kernel. */
const PAGE_BYTES = 4096;

const plausible = (bytes: number): boolean => bytes >= 0 && bytes < BYTES_MAX;
const wholePages = (bytes: number): boolean => plausible(bytes) && bytes % PAGE_BYTES === 0;

/** A signed 64-bit word; two words of a sum may each be negative. */
function readS64(view: DataView, offset: number): number {
  return Number(view.getBigInt64(offset, true));
}

/** Reads counters of one process. `bias` is the load bias of the main program. */
export class GoCounterReader {
  readonly #memory: MemoryReader;
  readonly #offsets: GoOffsets;
  readonly #gcController: bigint;
  readonly #heapStats: bigint;
  readonly #numgc: bigint;

  /** The reader, or undefined where a global that it needs was not found. */
  static open(
    memory: MemoryReader,
    offsets: GoOffsets,
    globals: RuntimeGlobals,
    bias: bigint,
  ): GoCounterReader | undefined {
    const { gcController, memstats } = globals;
    if (gcController === undefined || memstats === undefined) return undefined;
    return new GoCounterReader(memory, offsets, { gcController, memstats }, bias);
  }

  private constructor(
    memory: MemoryReader,
    offsets: GoOffsets,
    globals: { readonly gcController: number; readonly memstats: number },
    bias: bigint,
  ) {
    this.#memory = memory;
    this.#offsets = offsets;
    this.#gcController = BigInt(globals.gcController) + bias;
    const stats = offsets.need('mstats.heapStats') + offsets.need('consistentHeapStats.stats');
    this.#heapStats = BigInt(globals.memstats + stats) + bias;
    this.#numgc = BigInt(globals.memstats + offsets.need('mstats.numgc')) + bias;
  }

  /** One consistent set; undefined when no try gave one, as before the runtime has started. */
  read(): GoCounters | undefined {
    for (let i = 0; i < TRIES; i++) {
      const heap = this.#readHeap();
      const stacks = this.#readStacks();
      const again = this.#readStacks();
      if (heap === undefined || stacks !== again || !plausible(stacks)) continue;
      const goGcCycles = viewOf(this.#memory.read(this.#numgc, 4)).getUint32(0, true);
      return { ...heap, goStacksBytes: stacks, goGcCycles };
    }
    return undefined;
  }

  #readHeap(): Omit<GoCounters, 'goStacksBytes' | 'goGcCycles'> | undefined {
    const at = (field: string): number => this.#offsets.need(`gcControllerState.${field}`);
    const first = Math.min(at('heapInUse'), at('heapReleased'), at('heapFree'));
    const last = Math.max(at('heapInUse'), at('heapReleased'), at('heapFree'));
    const view = viewOf(this.#memory.read(this.#gcController + BigInt(first), last - first + 8));
    try {
      const inUse = readU64(view, at('heapInUse') - first);
      const released = readU64(view, at('heapReleased') - first);
      const free = readU64(view, at('heapFree') - first);
      if (inUse === 0 || ![inUse, released, free].every(wholePages)) return undefined;
      return {
        goHeapInUseBytes: inUse,
        goHeapIdleBytes: free + released,
        goHeapReleasedBytes: released,
      };
    } catch {
      // A word above 2^53 is not a counter: this try tells nothing.
      return undefined;
    }
  }

  #readStacks(): number {
    const size = this.#offsets.need('heapStatsDelta.sizeof');
    const inStacks = this.#offsets.need('heapStatsDelta.inStacks');
    let sum = 0;
    for (let i = 0; i < DELTAS; i++) {
      const address = this.#heapStats + BigInt(i * size + inStacks);
      sum += readS64(viewOf(this.#memory.read(address, 8)), 0);
    }
    return sum;
  }
}
