/**
 * Reads the C heap from the maps that the probe keeps in the kernel: bytes held per stack at every
 * look, and the live allocations at the end and once before. The fact a reader gets wrong: the maps
 * change while they are read, so a look is of about one moment, and held bytes are clamped at 0.
 */
import type { MapRows } from '@sonde/core';
import type { ProbeIr } from '@sonde/core/schema';
import type { CHeapObservation, HeldSample, LiveColumns } from '@sonde/memory';
import { readNumber, readSince, sumOver, valueField } from './row-reader.js';
import type { StackTable } from './stack-table.js';
import type { TracedSession } from './traced-session.js';

/** Counters per stack, indexed by the stack table. */
interface Counters {
  readonly allocs: Float64Array;
  readonly frees: Float64Array;
  readonly allocBytes: Float64Array;
  readonly freeBytes: Float64Array;
}

/** Records the C heap of one trace. */
export class CHeapRecorder {
  readonly #session: TracedSession;
  readonly #ir: ProbeIr;
  readonly #stacks: StackTable;
  readonly #startNs: bigint;
  readonly #held: HeldSample[] = [];
  #earlier: CHeapObservation['earlier'];
  /** The look before `#earlier` was taken, kept until the newer one is old enough. */
  #nextEarlierNs = 4e9;

  constructor(session: TracedSession, ir: ProbeIr, stacks: StackTable, startNs: bigint) {
    this.#session = session;
    this.#ir = ir;
    this.#stacks = stacks;
    this.#startNs = startNs;
  }

  /** Takes one look at the held bytes. */
  look(atNs: number): void {
    const counters = this.#readCounters();
    const heldBytes = counters.allocBytes.map((bytes, stack) =>
      Math.max(0, bytes - counters.freeBytes[stack]!),
    );
    const totals = this.#session.readMap(this.#ir.name, 'totals');
    const freedBeforeAttach = sumOver(totals, valueField(this.#ir, 'totals', 'freedBeforeAttach'));
    this.#held.push({ atNs, heldBytes, freedBeforeAttach });
  }

  /**
   * Takes the earlier look at the live map when its time has come: about halfway of a window of
   * known length, else whenever the time has doubled.
   */
  lookEarlier(atNs: number, durationNs: number | undefined): void {
    const due = durationNs === undefined ? this.#nextEarlierNs : durationNs / 2;
    if (atNs < due || (durationNs !== undefined && this.#earlier !== undefined)) return;
    this.#nextEarlierNs = 2 * atNs;
    this.#earlier = { atNs, live: this.#readLive() };
  }

  /** Everything that was recorded; reads the live map and the counters for the last time. */
  finish(brkGrowthBytes: number | undefined): CHeapObservation {
    const live = this.#readLive();
    return {
      ...this.#readCounters(),
      held: this.#held,
      live,
      ...(this.#earlier ? { earlier: this.#earlier } : {}),
      ...(brkGrowthBytes === undefined ? {} : { brkGrowthBytes }),
    };
  }

  /** A map's rows, and then what the ring says of the stacks that they name. */
  #readMap(map: string): MapRows {
    const rows = this.#session.readMap(this.#ir.name, map);
    this.#session.drain();
    return rows;
  }

  #readCounters(): Counters {
    const rows = this.#readMap('byStack');
    const indices = stackKeys(rows, this.#stacks);
    const column = (name: string) => {
      const field = valueField(this.#ir, 'byStack', name);
      const values = new Float64Array(this.#stacks.size);
      indices.forEach((stack, row) => {
        values[stack]! += readNumber(rows.values, row * rows.valueStrideBytes, field);
      });
      return values;
    };
    return {
      allocs: column('allocs'),
      frees: column('frees'),
      allocBytes: column('allocBytes'),
      freeBytes: column('freeBytes'),
    };
  }

  #readLive(): LiveColumns {
    const rows = this.#readMap('live');
    const place = (name: string) => valueField(this.#ir, 'live', name);
    const [size, usable, stack, at] = ['sizeBytes', 'usableBytes', 'stack', 'allocatedNs'].map(
      place,
    );
    const live = {
      address: new Float64Array(rows.count),
      sizeBytes: new Float64Array(rows.count),
      usableBytes: new Float64Array(rows.count),
      stack: new Uint32Array(rows.count),
      atNs: new Float64Array(rows.count),
    };
    const key = { offsetBytes: 0, sizeBytes: 8 };
    for (let row = 0; row < rows.count; row++) {
      const offset = row * rows.valueStrideBytes;
      live.address[row] = readNumber(rows.keys, row * rows.keyBytes, key);
      live.sizeBytes[row] = readNumber(rows.values, offset, size!);
      live.usableBytes[row] = readNumber(rows.values, offset, usable!);
      live.stack[row] = this.#stacks.intern(rows.values, offset + stack!.offsetBytes);
      live.atNs[row] = Math.max(0, readSince(rows.values, offset, at!, this.#startNs));
    }
    return live;
  }
}

/** The stack index of each row whose key is a stack id. */
function stackKeys(rows: MapRows, stacks: StackTable): Uint32Array {
  const indices = new Uint32Array(rows.count);
  for (let row = 0; row < rows.count; row++) {
    indices[row] = stacks.intern(rows.keys, row * rows.keyBytes);
  }
  return indices;
}
