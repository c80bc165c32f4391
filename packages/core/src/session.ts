/**
 * The one file that joins the rooms: target → attach points → objects → events. The fact that is
 * easy to get wrong: nothing is pinned anywhere, so whatever ends this process detaches everything;
 * stop() only does it sooner, and reads what was still in the ring.
 */
import { asError, UsageError } from './errors.js';
import { closeFd, enableStatistics, liftMemlockLimit, type MapRows } from './libbpf/index.js';
import { Features } from './loader/index.js';
import { mapRing, RingReader, RingWakeup } from './ringbuf/index.js';
import { judge } from './session/brake.js';
import { calibrate, type Calibration } from './session/calibration.js';
import { checkPidNamespace, checkRing } from './session/preconditions.js';
import { RecordRouter } from './session/record-router.js';
import { type RunningProbe, SharedMaps } from './session/running-probe.js';
import type {
  AnyEventHandler,
  AttachedProbe,
  BrakeAction,
  EventHandler,
  LossCounts,
  Losses,
  ReadStack,
  Session,
  SessionEnd,
  SessionOptions,
  SessionTarget,
  TracingCost,
  UnwindCounts,
} from './session/session-types.js';
import { StackReader } from './session/stack-reader.js';
import { LoadedForSession } from './session/start-probe.js';
import { isUnwindable, WholeStacks } from './session/whole-stacks.js';
import { openTarget, type Target } from './target/index.js';

/** Room for the copies of stacks of the first milliseconds, while no rule is known yet. */
const RING_BYTES = 16 << 20;
const MAX_OVERHEAD = 0.1;
const TICK_MS = 1000;
/** Read in one go; little, because between two steps the rules of new code are looked for. */
const STEP_BYTES = 1 << 17;
/** How long the kernel times our programs in one go: each run costs the target 50 ns more. */
const TIMING_MS = 50;

class RunningSession<T extends SessionTarget> implements Session<T> {
  readonly process: T;
  readonly ended: Promise<SessionEnd>;
  readonly #options: SessionOptions;
  readonly #closesTarget: boolean;
  readonly #now: () => bigint;
  readonly #calibration: Calibration;
  readonly #shared = new SharedMaps();
  readonly #router = new RecordRouter();
  readonly #loaded: LoadedForSession[] = [];
  readonly #running: RunningProbe[] = [];
  readonly #brake: BrakeAction[] = [];
  readonly #watch = new AbortController();
  #reader: RingReader | undefined;
  #wakeup: RingWakeup | undefined;
  #stacks = new StackReader(undefined);
  #whole: WholeStacks | undefined;
  #reading = false;
  #timer: NodeJS.Timeout | undefined;
  #timing: { fd: number; timer: NodeJS.Timeout } | undefined;
  #judgedAtNs = 0n;
  #cpuAtStartNs = 0;
  #lastCpuNs = 0;
  #stopping: Promise<void> | undefined;
  #braking: Promise<void> = Promise.resolve();
  #closed = false;
  #resolveEnd: (end: SessionEnd) => void = () => undefined;

  constructor(target: T, options: SessionOptions, closesTarget: boolean) {
    this.process = target;
    this.#options = options;
    this.#closesTarget = closesTarget;
    this.#now = options.now ?? (() => process.hrtime.bigint());
    this.#calibration = calibrate();
    this.ended = new Promise(resolve => {
      this.#resolveEnd = resolve;
    });
  }

  get target(): T['info'] {
    return this.process.info;
  }

  get probes(): readonly AttachedProbe[] {
    return this.#running.map(probe => probe.shown);
  }

  /** Loads and attaches everything, then starts to listen. On error nothing is left. */
  async start(): Promise<void> {
    const { ringBytes = RING_BYTES, stacksMax, mapEntries = {}, probes, signal } = this.#options;
    signal?.throwIfAborted();
    liftMemlockLimit();
    const features = await Features.ask(this.#options.features);
    checkRing(this.process, features);
    checkPidNamespace(this.process, features);
    const around = {
      target: this.process,
      features,
      shared: this.#shared,
      sharedSizes: { sonde_ring: ringBytes, sonde_stacks: stacksMax, sonde_rules: undefined },
      stackCopiesMax: this.#unwinds() ? this.#options.stackCopiesMax : 0,
      mapEntries,
      wakeupBytes: ringBytes / 4,
      verifierStatistics: this.#options.verifierStatistics === true,
    };
    try {
      for (const request of probes) {
        const eventBase = this.#router.add(request.module.ir);
        this.#loaded.push(new LoadedForSession(request, eventBase, around));
      }
      const reader = this.#openRing(ringBytes);
      this.#cpuAtStartNs = this.#lastCpuNs = this.process.cpuNs() ?? 0;
      for (const loaded of this.#loaded) {
        this.#running.push(await loaded.attach(() => this.#lookAhead(reader)));
      }
      this.#listen(reader);
    } catch (error) {
      await this.#takeBack();
      throw error;
    }
  }

  /** Maps the ring and the rules before anything is attached: the first records need both. */
  #openRing(ringBytes: number): RingReader | undefined {
    const ring = this.#shared.get('sonde_ring');
    const rules = this.#shared.get('sonde_rules');
    if (rules !== undefined && this.#unwinds() && isUnwindable(this.process)) {
      this.#whole = new WholeStacks(this.process, rules);
      this.#router.onStackCopy(this.#whole.accept);
    }
    this.#stacks = new StackReader(this.#shared.get('sonde_stacks'), this.#whole);
    if (ring !== undefined) this.#reader = new RingReader(mapRing(ring.fd, ringBytes));
    return this.#reader;
  }

  #listen(reader: RingReader | undefined): void {
    const ring = this.#shared.get('sonde_ring');
    if (ring !== undefined && reader !== undefined) {
      this.#wakeup = new RingWakeup(
        ring.fd,
        () => this.#step(reader),
        error => this.#end({ reason: 'error', error }),
      );
    }
    for (const probe of this.#running) probe.begin();
    this.#judgedAtNs = this.#now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#time();
    this.process.exited(this.#watch.signal).then(
      () => this.#end({ reason: 'target-exited' }),
      (error: unknown) => this.#end({ reason: 'error', error: asError(error) }),
    );
    const { signal } = this.#options;
    if (signal?.aborted === true) this.#end({ reason: 'aborted' });
    signal?.addEventListener('abort', () => this.#end({ reason: 'aborted' }), {
      once: true,
      signal: this.#watch.signal,
    });
  }

  #unwinds(): boolean {
    return this.#options.wholeStacks !== false && isUnwindable(this.process);
  }

  /** Installs the rules that records in the ring wait for; reads none of them. */
  #lookAhead(reader: RingReader | undefined): void {
    if (this.#whole !== undefined) reader?.lookAhead(this.#whole.foresee);
  }

  #step(reader: RingReader): number {
    this.#lookAhead(reader);
    return this.#read(() => reader.step(this.#router.route, STEP_BYTES));
  }

  /** Reads records; what handlers ask for meanwhile does not read more of them. */
  #read(records: () => number): number {
    this.#reading = true;
    try {
      return records();
    } finally {
      this.#reading = false;
    }
  }

  #tick(): void {
    try {
      this.process.refreshMaps();
      this.#whole?.checkCode();
      this.refresh();
      this.#applyBrake();
      this.#time();
    } catch (error) {
      this.#end({ reason: 'error', error: asError(error) });
    }
  }

  /** Lets the kernel time the programs for a moment, until each was timed once. */
  #time(): void {
    if (this.#timing !== undefined || this.#running.every(probe => probe.timed)) return;
    let fd: number;
    try {
      fd = enableStatistics();
    } catch {
      return; // before 5.8, or not allowed: the cost is then the traps' alone
    }
    this.#timing = { fd, timer: setTimeout(() => this.#stopTiming(), TIMING_MS) };
  }

  #stopTiming(): void {
    if (this.#timing === undefined) return;
    clearTimeout(this.#timing.timer);
    closeFd(this.#timing.fd);
    this.#timing = undefined;
  }

  #applyBrake(): void {
    const now = this.#now();
    const elapsedNs = Number(now - this.#judgedAtNs);
    this.#judgedAtNs = now;
    const costs = this.#running.flatMap(probe => probe.recentCosts(this.#calibration));
    const { maxOverhead = MAX_OVERHEAD, log } = this.#options;
    if (maxOverhead === 'off') return;
    const decision = judge(costs, elapsedNs, maxOverhead);
    if (decision === undefined) return;
    const { probe, group, reason } = decision;
    const running = this.#running.find(each => each.shown.name === probe);
    if (running === undefined) return;
    const points = running.pointsOf(group);
    for (const { shown } of points) {
      this.#brake.push({ atNs: now, probe, point: shown.point, reason });
      log?.(`brake: ${probe}/${shown.point} detached: ${reason}`);
    }
    const given = running.giveUp(points, now, reason);
    this.#braking = Promise.all([this.#braking, given]).then(() => undefined);
  }

  onEvent(probe: string, event: string, handler: EventHandler): void {
    this.#router.on(probe, event, handler);
  }

  onEvents(handler: AnyEventHandler): void {
    this.#router.onAny(handler);
  }

  drain(): number {
    const reader = this.#reader;
    if (reader === undefined) return 0;
    this.#lookAhead(reader);
    return this.#read(() => reader.drain(this.#router.route));
  }

  readMap(probe: string, map: string): MapRows {
    const running = this.#running.find(each => each.shown.name === probe);
    if (running === undefined || this.#closed) {
      const cause = this.#closed ? 'the session is closed' : 'the session has no such probe';
      throw new UsageError(`read map ${map} of probe ${probe}: ${cause}`);
    }
    return running.rows(map);
  }

  stack(id: bigint): readonly bigint[] {
    return this.readStack(id).pcs;
  }

  readStack(id: bigint): ReadStack {
    this.#fetchCopy(id);
    return this.#stacks.stack(id);
  }

  canonicalStack(id: bigint): bigint {
    this.#fetchCopy(id);
    return this.#whole?.canonical(id) ?? id;
  }

  /** An id out of a map may be ahead of the ring, where the copy of its stack still lies. */
  #fetchCopy(id: bigint): void {
    if (this.#whole?.knows(id) === false && !this.#reading) this.drain();
  }

  unwinding(): UnwindCounts | undefined {
    return this.#whole?.counts;
  }

  refresh(): void {
    if (this.#closed) return;
    for (const probe of this.#running) probe.refresh();
    this.#lastCpuNs = this.process.cpuNs() ?? this.#lastCpuNs;
  }

  losses(): Losses {
    const probes: Record<string, LossCounts> = {};
    for (const probe of this.#running) {
      const { name } = probe.shown;
      probes[name] = probe.losses(this.#router.malformed(name));
    }
    const sum = (key: keyof LossCounts): number =>
      Object.values(probes).reduce((total, each) => total + each[key], 0);
    return {
      ringFull: sum('ringFull'),
      mapFull: sum('mapFull'),
      stackLost: sum('stackLost') + (this.#whole?.counts.idsForgotten ?? 0),
      unpaired: sum('unpaired'),
      probeMissed: sum('probeMissed'),
      readFailed: sum('readFailed'),
      malformed: this.#router.malformedTotal,
      probes,
    };
  }

  cost(): TracingCost {
    const totals = this.#running.map(probe => probe.totalCost(this.#calibration));
    const hits = totals.reduce((sum, each) => sum + each.hits, 0);
    const cpuNs = totals.reduce((sum, each) => sum + each.cpuNs, 0);
    const targetNs = this.#lastCpuNs - this.#cpuAtStartNs;
    const { perHitNs, evidence } = this.#calibration;
    const shareOfTargetCpu = targetNs > 0 ? cpuNs / targetNs : 0;
    return { perHitNs, evidence, hits, cpuNs, shareOfTargetCpu, brake: [...this.#brake] };
  }

  #end(end: SessionEnd): void {
    this.#stopping ??= this.#shutDown().then(
      () => this.#resolveEnd(end),
      (error: unknown) => this.#resolveEnd({ reason: 'error', error: asError(error) }),
    );
  }

  async #shutDown(): Promise<void> {
    this.#watch.abort();
    clearInterval(this.#timer);
    this.#stopTiming();
    this.#wakeup?.close();
    await this.#braking; // it may be attaching what it did not give up
    await Promise.all(this.#running.map(probe => probe.detachAll()));
    try {
      this.drain();
      this.refresh();
    } finally {
      this.#reader?.close();
    }
  }

  async stop(): Promise<void> {
    this.#end({ reason: 'stopped' });
    await this.#stopping;
  }

  async close(): Promise<void> {
    await this.stop();
    this.#free();
  }

  #free(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const loaded of this.#loaded) loaded.close();
    this.#stacks = new StackReader(undefined);
    this.#whole?.close();
    this.#shared.close();
    if (this.#closesTarget) this.process.close();
  }

  async #takeBack(): Promise<void> {
    this.#watch.abort();
    this.#wakeup?.close();
    await Promise.all(this.#running.map(probe => probe.detachAll()));
    this.#reader?.close();
    this.#free();
  }
}

/**
 * Starts a session on a target that the caller opened and closes. Throws as openSession does.
 */
export async function startSession<T extends SessionTarget>(
  target: T,
  options: SessionOptions,
): Promise<Session<T>> {
  const session = new RunningSession(target, options, false);
  await session.start();
  return session;
}

/**
 * Opens the target and attaches every probe. Register handlers right after it resolves, before
 * anything else is awaited: records are delivered from the next turn of the event loop on. Throws
 * UsageError (bad pid, rights, names), UnsupportedError (kernel or Go release), LoadError (the
 * kernel refused an object); nothing is left attached then.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const target: Target = await openTarget(options.pid);
  const session = new RunningSession(target, options, true);
  await session.start();
  return session;
}
