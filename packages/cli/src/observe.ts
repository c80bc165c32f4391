/**
 * The trace itself: one look a second until the window ends, then one observation. The facts a
 * reader gets wrong: the first look is at time 0, right after the probes were attached; and the
 * maps are read after the session stopped, so that the last second is in them.
 */
import type { SessionEnd } from '@sonde/core';
import type { ProbeIr } from '@sonde/core/schema';
import {
  PROBES,
  type LossCounts,
  type MemorySample,
  type Observation,
  type PointState,
  type ProbeState,
} from '@sonde/memory';
import { CHeapRecorder } from './c-heap-recorder.js';
import { StackTable } from './stack-table.js';
import { FaultRecorder, GoLargeRecorder } from './stream-recorder.js';
import type { TracedSession } from './traced-session.js';

const LOOK_NS = 1e9;

/** How long to observe, and by which clock. */
export interface ObserveOptions {
  /** Undefined: until the target exits or the signal fires. */
  readonly durationNs: number | undefined;
  readonly cgo: boolean;
  /** Representations of the probes that the session runs. */
  readonly irs: readonly ProbeIr[];
  /** Probes that could not be opened, with the reason. */
  readonly missing: readonly { readonly name: string; readonly error: string }[];
  /** Ends the window early: Ctrl-C. */
  readonly signal: AbortSignal;
  /** CLOCK_MONOTONIC, as in records. */
  readonly now: () => bigint;
  /** Resolves after so many ms, or when the signal fires. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Called at every look. */
  readonly onLook?: (atNs: number, sample: MemorySample) => void;
}

/** An observation with the table that turns its stack indices into ids. */
export interface Observed {
  readonly seen: Observation;
  readonly stacks: StackTable;
  /** Session clock at the window's beginning. */
  readonly startNs: bigint;
  readonly end: SessionEnd | undefined;
}

/**
 * Observes a session until its window ends, and stops it. Must be called in the same turn in which
 * the session opened. Never rejects because the target exited; that ends the window.
 */
export async function observe(session: TracedSession, options: ObserveOptions): Promise<Observed> {
  const trace = new Trace(session, options);
  const ended = await trace.run();
  return trace.finish(ended);
}

class Trace {
  readonly #session: TracedSession;
  readonly #options: ObserveOptions;
  readonly #startNs: bigint;
  readonly #stacks: StackTable;
  readonly #memory: MemorySample[] = [];
  readonly #cHeap: CHeapRecorder | undefined;
  readonly #goLarge: GoLargeRecorder | undefined;
  readonly #faults: FaultRecorder | undefined;
  readonly #brkAtStart: number;
  #brkAtEnd = 0;
  #end: SessionEnd | undefined;

  constructor(session: TracedSession, options: ObserveOptions) {
    this.#session = session;
    this.#options = options;
    this.#startNs = options.now();
    const ir = (name: string) => options.irs.find(each => each.name === name);
    const [cHeap, goLarge, faults] = [PROBES.cHeap, PROBES.goLarge, PROBES.faults].map(ir);
    const stacks = new StackTable(id => session.canonicalStack?.(id) ?? id);
    this.#stacks = stacks;
    const start = this.#startNs;
    this.#cHeap = cHeap && new CHeapRecorder(session, cHeap, stacks, start);
    this.#goLarge = goLarge && new GoLargeRecorder(session, goLarge, stacks, start);
    this.#faults = faults && new FaultRecorder(session, faults, stacks, start);
    this.#brkAtStart = brkBytes(session);
    this.#brkAtEnd = this.#brkAtStart;
  }

  /** Looks once a second. Resolves with how the window ended, and when. */
  async run(): Promise<{ readonly how: Observation['ended']; readonly atNs: number }> {
    const { durationNs, signal, sleep } = this.#options;
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    void this.#session.ended.then(end => {
      this.#end = end;
      over.abort();
    });
    for (let look = 0; ; look++) {
      this.#look();
      const next = Math.min((look + 1) * LOOK_NS, durationNs ?? Infinity);
      while (!both.aborted && this.#elapsed() < next) {
        await sleep(Math.max(1, (next - this.#elapsed()) / 1e6), both);
      }
      if (both.aborted) break;
      if (durationNs !== undefined && this.#elapsed() >= durationNs) break;
    }
    const how = this.#how();
    const atNs = this.#elapsed();
    if (how === 'duration' || how === 'interrupted') this.#look();
    return { how, atNs };
  }

  #how(): Observation['ended'] {
    if (this.#end?.reason === 'target-exited') return 'target-exited';
    if (this.#end?.reason === 'error') return 'error';
    return this.#options.signal.aborted ? 'interrupted' : 'duration';
  }

  #elapsed(): number {
    return Number(this.#options.now() - this.#startNs);
  }

  /** One look at memory and at the held bytes; a target that is gone gives none. */
  #look(): void {
    const atNs = this.#elapsed();
    let sample: MemorySample;
    try {
      sample = { ...this.#session.process.memorySample(), atNs };
    } catch (error) {
      // A trace without looks sees no growth and would say so; only a target that is gone has none.
      if (this.#session.process.cpuNs() !== undefined) throw error;
      return;
    }
    this.#session.drain();
    this.#cHeap?.look(atNs);
    this.#cHeap?.lookEarlier(atNs, this.#options.durationNs);
    this.#memory.push(sample);
    if (this.#session.process.refreshMaps()) this.#brkAtEnd = brkBytes(this.#session);
    this.#options.onLook?.(atNs, sample);
  }

  /** Stops the session and puts everything together. */
  async finish(ended: {
    readonly how: Observation['ended'];
    readonly atNs: number;
  }): Promise<Observed> {
    const session = this.#session;
    await session.stop();
    session.refresh();
    if (ended.how === 'target-exited') this.#cHeap?.look(ended.atNs);
    const dropped = {
      [PROBES.goLarge]: this.#goLarge?.dropped ?? 0,
      [PROBES.faults]: this.#faults?.dropped ?? 0,
    };
    const cHeap = this.#cHeap?.finish(this.#brkAtEnd - this.#brkAtStart);
    const seen: Observation = {
      durationNs: ended.atNs,
      ended: ended.how,
      cgo: this.#options.cgo,
      memory: this.#memory,
      ...(cHeap ? { cHeap } : {}),
      ...(this.#goLarge ? { goLarge: this.#goLarge.finish() } : {}),
      ...(this.#faults ? { faults: this.#faults.finish() } : {}),
      probes: [...this.#probeStates(), ...this.#options.missing.map(missingState)],
      losses: lossesOf(session, dropped),
    };
    return { seen, stacks: this.#stacks, startNs: this.#startNs, end: this.#end };
  }

  #probeStates(): ProbeState[] {
    return this.#session.probes.map(probe => ({
      name: probe.name,
      mode: probe.mode,
      points: probe.points.map((point): PointState => {
        const detached = point.detachedAtNs;
        return {
          point: point.point,
          need: point.need,
          attached: point.alternative !== '',
          ...(point.alternative === '' ? {} : { alternative: point.alternative, kind: point.kind }),
          ...(point.limits === undefined ? {} : { limits: point.limits }),
          ...(point.error === undefined ? {} : { error: point.error }),
          sites: point.sites.map(({ location, costClass, hits }) => ({
            location,
            costClass,
            hits,
          })),
          ...(detached === undefined ? {} : { detachedAtNs: Number(detached - this.#startNs) }),
          ...(point.detachReason === undefined ? {} : { detachReason: point.detachReason }),
        };
      }),
    }));
  }
}

function missingState(missing: { readonly name: string; readonly error: string }): ProbeState {
  return { name: missing.name, mode: 'stream', points: [], error: missing.error };
}

/** Bytes of the mapping that brk extends; 0 where there is none. */
function brkBytes(session: TracedSession): number {
  return session.process
    .maps()
    .filter(entry => entry.path === '[heap]')
    .reduce((sum, entry) => sum + Number(entry.end - entry.start), 0);
}

/** Losses by probe. Malformed records count as reads that failed, dropped rows as a full ring. */
function lossesOf(
  session: TracedSession,
  dropped: Readonly<Record<string, number>>,
): Record<string, LossCounts> {
  const { probes } = session.losses();
  return Object.fromEntries(
    Object.entries(probes).map(([name, { malformed, ...counts }]) => [
      name,
      {
        ...counts,
        readFailed: counts.readFailed + malformed,
        ringFull: counts.ringFull + (dropped[name] ?? 0),
      },
    ]),
  );
}
