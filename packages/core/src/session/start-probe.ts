/**
 * From a request to a running probe: plan and load, then attach. The fact that is easy to get
 * wrong: these are two steps, because the kernel takes its time to verify a program. Probes that
 * were attached meanwhile would fill the ring, and nobody would read it. And what is loaded is the
 * first alternative of each point; the others follow, all at once, only where one fails.
 */
import { BpfObject, type MapHandle } from '../libbpf/index.js';
import {
  type LoadedProbe,
  loadProbe,
  readProbeObject,
  usesMultiLinks,
  type Features,
  type TargetConfig,
} from '../loader/index.js';
import { detach, type HeldPoint, ProbeAttacher } from './attach-probe.js';
import { firstChoices, plannedPrograms, planProbe, type PointPlan, userPrograms } from './plan.js';
import { RunningProbe, type SharedMaps } from './running-probe.js';
import type { ProbeRequest, SessionTarget } from './session-types.js';

/** What all probes of a session have in common. */
export interface ProbeSurroundings {
  readonly target: SessionTarget;
  readonly features: Features;
  readonly shared: SharedMaps;
  /** Sizes of the shared maps; undefined for what the object declares. */
  readonly sharedSizes: Readonly<Record<string, number | undefined>>;
  readonly mapEntries: Readonly<Record<string, number>>;
  /** Most stacks that one CPU copies in 100 ms, 0: probes do not unwind C code; has a default. */
  readonly stackCopiesMax: number | undefined;
  /** Unread bytes from which probes wake the reader. */
  readonly wakeupBytes: number;
  /** Whether the verifier is asked for its statistics. */
  readonly verifierStatistics: boolean;
}

/** More than this process can unwind in that time. */
const STACK_COPIES_MAX = 16384;

function targetConfig(around: ProbeSurroundings, eventBase: number): TargetConfig {
  return {
    ...around.target.config(),
    hasCookie: around.features.has('cookies') ? 1 : 0,
    eventBase,
    ringWakeupBytes: around.wakeupBytes,
    stackCopiesMax: around.stackCopiesMax ?? STACK_COPIES_MAX,
  };
}

/** Creates the maps that the session shares, as the object declares them. */
function adoptShared(
  name: string,
  bytes: Uint8Array,
  around: ProbeSurroundings,
): ReadonlyMap<string, MapHandle> {
  if (around.shared.hasAll(Object.keys(around.sharedSizes))) return around.shared.all;
  const object = new BpfObject(name, bytes);
  try {
    around.shared.adopt(object, around.sharedSizes);
  } finally {
    object.close();
  }
  return around.shared.all;
}

/** Loads the programs of these plans. Throws as loadProbe does. */
function loadPlans(
  request: ProbeRequest,
  around: ProbeSurroundings,
  eventBase: number,
  plans: readonly PointPlan[],
): LoadedProbe {
  const { ir, objectBase } = request.module;
  const bytes = readProbeObject(ir, objectBase);
  const mode = request.mode ?? ir.modes[0] ?? 'stream';
  const programs = plannedPrograms(plans);
  return loadProbe(
    {
      ir,
      bytes,
      config: { target: targetConfig(around, eventBase), params: request.params ?? {}, mode },
      shared: adoptShared(ir.name, bytes, around),
      mapEntries: around.mapEntries,
      programs,
      multiPrograms: usesMultiLinks(around.features) ? userPrograms(plans) : new Set(),
      verifierStatistics: around.verifierStatistics,
    },
    programs,
  );
}

/** A probe that the kernel has accepted, of which nothing runs yet. */
export class LoadedForSession {
  readonly #request: ProbeRequest;
  readonly #around: ProbeSurroundings;
  readonly #eventBase: number;
  /** Every alternative; of `#plans` the programs are loaded. */
  readonly #all: readonly PointPlan[];
  #plans: readonly PointPlan[];
  #loaded: LoadedProbe;

  /** Throws UsageError, UnsupportedError or LoadError; nothing is loaded then. */
  constructor(request: ProbeRequest, eventBase: number, around: ProbeSurroundings) {
    this.#request = request;
    this.#around = around;
    this.#eventBase = eventBase;
    this.#all = planProbe(request, around.target, around.features);
    this.#plans = firstChoices(this.#all);
    this.#loaded = loadPlans(request, around, eventBase, this.#plans);
    const { refused } = this.#loaded;
    const isRefused = ({ candidates }: PointPlan): boolean =>
      candidates.some(({ attach }) => refused.has(attach.program));
    if (this.#plans.some((plan, i) => isRefused(plan) && this.#hasOthers(i))) this.#loadOthers();
  }

  /** Whether a point has alternatives that are not loaded. */
  #hasOthers(index: number): boolean {
    return this.#all[index]?.candidates.length !== this.#plans[index]?.candidates.length;
  }

  /** Loads everything anew, as one object cannot be added to. Nothing may be attached. */
  #loadOthers(): void {
    this.#loaded.object.close();
    this.#loaded = loadPlans(this.#request, this.#around, this.#eventBase, this.#all);
    this.#plans = this.#all;
  }

  /**
   * Attaches every point; `between` is called after each step, for the records of the earlier ones.
   * Throws as the constructor does; nothing is attached then, and the object is still to be closed.
   */
  async attach(between: () => void): Promise<RunningProbe> {
    const held = (await this.#attachFirst(between)) ?? (await this.#attachPlans(between));
    const points = held.map(point => point.shown);
    const { object, verified: programs } = this.#loaded;
    const { ir } = this.#request.module;
    const { name } = ir;
    const mode = this.#request.mode ?? ir.modes[0] ?? 'stream';
    const shown = { name, mode, eventBase: this.#eventBase, points, programs };
    return new RunningProbe(ir, object, shown, held);
  }

  #attachPlans(between: () => void): Promise<HeldPoint[]> {
    const { target, features } = this.#around;
    const context = { object: this.#loaded.object, features, pid: target.info.pid };
    return new ProbeAttacher(this.#loaded, context).attachAll(this.#plans, between);
  }

  /**
   * Attaches what is loaded so far. Undefined where a point failed that has other alternatives:
   * those are loaded now, and nothing is attached.
   */
  async #attachFirst(between: () => void): Promise<HeldPoint[] | undefined> {
    if (!this.#plans.some((_, i) => this.#hasOthers(i))) return undefined;
    try {
      const held = await this.#attachPlans(between);
      if (!held.some(({ shown }, i) => !shown.attached && this.#hasOthers(i))) return held;
      await detach(held);
    } catch {
      // Attached with every alternative, it says all the reasons.
    }
    this.#loadOthers();
    return undefined;
  }

  /** Gives the object back; a running probe of it is over then. */
  close(): void {
    this.#loaded.object.close();
  }
}
