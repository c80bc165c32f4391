/**
 * Takes a snapshot of a live process: reads each section by itself and names what it saw. The fact
 * a reader gets wrong: all reading is done before any naming, so that the sections are of nearly
 * one moment; and a section that fails takes no other with it.
 */
import { UsageError } from '@sonde/core';
import { StackSymbolizer } from '@sonde/core/stacks';
import type { GoMemStats, Target, TargetRuntime } from '@sonde/core/target';
import {
  censusSpans,
  type Goroutine,
  type GoroutineList,
  type HeapProfile,
  listGoroutines,
  type LiveRuntime,
  readHeapProfile,
  RuntimeReadError,
  type SpanCensus,
} from '@sonde/memory';
import {
  frameShapes,
  goroutineFrames,
  heapFrames,
  isSystemStart,
  snapshotFrame,
} from './snapshot-names.js';
import {
  type Snapshot,
  SNAPSHOT_SCHEMA,
  type SnapshotFrame,
  type SnapshotGoroutine,
  type SnapshotGoroutines,
  type SnapshotHeap,
  type SnapshotMemStats,
  type SnapshotSpans,
} from './snapshot-types.js';

/** What was asked for, and the outside. */
export interface SnapshotRequest {
  readonly heap: boolean;
  readonly spans: boolean;
  readonly goroutines: boolean;
  /** CLOCK_MONOTONIC, as the runtime's own clock. */
  readonly now: () => bigint;
  /** The release's text of a wait reason. */
  readonly waitReason: (reason: number) => string | undefined;
}

type Missing = { section: string; why: string }[];

/** Reads and names. Throws UsageError only when the target is gone altogether. */
export function takeSnapshot(target: Target, request: SnapshotRequest): Snapshot {
  const runtime = target.runtime();
  const live: LiveRuntime = runtime;
  const missing: Missing = [];
  const read = <T>(section: string, wanted: boolean, reader: () => T | undefined): T | undefined =>
    wanted ? attempt(missing, section, reader) : undefined;
  const stats = read('memStats', true, () => runtime.memStats());
  const spans = read('spans', request.spans, () => censusSpans(live));
  const nowNs = request.now();
  const list = read('goroutines', request.goroutines, () =>
    listGoroutines(live, {
      arch: runtime.arch,
      waitReason: request.waitReason,
      nowNs,
      shapeAt: frameShapes(target, runtime),
    }),
  );
  const heap = read('heap', request.heap, () => readHeapProfile(live));
  if (heap?.rateBytes === 0) missing.push({ section: 'heap', why: PROFILE_OFF });
  const names = new StackSymbolizer(target);
  const { info } = target;
  const framesOf = (g: Goroutine) =>
    goroutineFrames(names, target, runtime, g.stack, g.innermostExact);
  return {
    schema: SNAPSHOT_SCHEMA,
    target: {
      ...{ pid: info.pid, exe: info.exe, goRelease: info.goRelease, arch: info.arch },
      ...{ buildId: info.buildId, cgo: info.cgo, stripped: info.stripped, pie: info.pie },
      tableRung: info.tableRung,
    },
    means: meansOf(runtime),
    takenNs: Number(nowNs),
    memStats: stats === undefined ? null : memStatsOf(stats),
    heap: heap === undefined ? null : heapOf(heap, names),
    spans: spans === undefined ? null : spansOf(spans),
    goroutines: list === undefined ? null : goroutinesOf(list, names, framesOf),
    missing,
  };
}

const PROFILE_OFF =
  'memory profiling is off in this program (MemProfileRate is 0): the linker switches it off ' +
  'where nothing uses runtime.MemProfile; import net/http/pprof or runtime/pprof to have it';

function attempt<T>(missing: Missing, section: string, reader: () => T | undefined): T | undefined {
  try {
    const result = reader();
    if (result !== undefined) return result;
    missing.push({ section, why: 'its globals were not found, or no reading was consistent' });
  } catch (error) {
    const expected =
      error instanceof RuntimeReadError ||
      error instanceof UsageError ||
      error instanceof RangeError;
    if (!expected) throw error;
    missing.push({ section, why: error.message });
  }
  return undefined;
}

function meansOf(runtime: TargetRuntime): Snapshot['means'] {
  return { memory: runtime.memory.means, globals: { ...runtime.foundBy } };
}

function memStatsOf(s: GoMemStats): SnapshotMemStats {
  return {
    ...{ HeapInuse: s.heapInUseBytes, HeapIdle: s.heapIdleBytes },
    ...{ HeapReleased: s.heapReleasedBytes, HeapSys: s.heapSysBytes },
    HeapAlloc: s.heapAllocBytes ?? null,
    ...{ StackInuse: s.stackInUseBytes, StackSys: s.stackSysBytes, GCSys: s.gcSysBytes },
    MSpanInuse: s.mspanInUseBytes ?? null,
    ...{ MSpanSys: s.mspanSysBytes, MCacheSys: s.mcacheSysBytes },
    ...{ BuckHashSys: s.buckHashSysBytes, OtherSys: s.otherSysBytes, NumGC: s.gcCycles },
    ...{ tries: s.tries, closed: s.closed },
  };
}

function heapOf(heap: HeapProfile, names: StackSymbolizer): SnapshotHeap {
  return {
    rateBytes: heap.rateBytes ?? null,
    inUseBytes: heap.liveBytes,
    inUseObjects: heap.liveObjects,
    sampled: heap.active,
    torn: heap.torn,
    stacks: heap.entries.map(entry => ({
      objectBytes: entry.objectBytes,
      inUseBytes: entry.liveBytes,
      inUseObjects: entry.liveObjects,
      allocBytes: entry.bornBytes,
      allocObjects: entry.bornObjects,
      sampled: entry.active,
      unpublished: entry.future,
      frames: heapFrames(names, entry.stack),
      addresses: entry.stack.map(hexadecimal),
    })),
  };
}

function spansOf(spans: SpanCensus): SnapshotSpans {
  const large = spans.large.map(each => ({ ...each, address: hexadecimal(each.address) }));
  return { ...spans, large };
}

type FramesOf = (g: Goroutine) => SnapshotFrame[];

function goroutinesOf(
  list: GoroutineList,
  names: StackSymbolizer,
  framesOf: FramesOf,
): SnapshotGoroutines {
  const { dead, unreadable, torn } = list;
  const goroutines = list.goroutines.map(each => goroutineOf(each, names, framesOf(each)));
  return { alive: goroutines.length, dead, unreadable, torn, goroutines };
}

function goroutineOf(
  g: Goroutine,
  names: StackSymbolizer,
  frames: readonly SnapshotFrame[],
): SnapshotGoroutine {
  const start = g.startPc === 0n ? undefined : names.framesAt(g.startPc, true).at(-1);
  const creator = g.createdBy === 0n ? undefined : names.framesAt(g.createdBy, false)[0];
  return {
    id: g.id,
    state: g.state,
    waitReason: g.waitReason ?? null,
    waitNs: g.waitNs ?? null,
    lockedToThread: g.lockedToThread,
    threadId: g.threadId ?? null,
    parentId: g.parentId ?? null,
    system: start !== undefined && isSystemStart(start.function),
    startFunction: start?.function ?? '',
    createdBy: creator === undefined ? null : snapshotFrame(creator),
    stackBytes: g.stackBytes,
    frames,
    stackComplete: g.stackComplete,
    noStack: g.noStack ?? null,
    channels: g.channels.map(hexadecimal),
  };
}

function hexadecimal(address: bigint): string {
  return `0x${address.toString(16)}`;
}
