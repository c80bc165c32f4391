/**
 * From a request to a running probe: plan and load, then attach. The fact that is easy to get
 * wrong: these are two steps, because the kernel takes its time to verify a program. Probes that
 * were attached meanwhile would fill the ring, and nobody would read it.
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
import { ProbeAttacher } from './attach-probe.js';
import { plannedPrograms, planProbe, type PointPlan, userPrograms } from './plan.js';
import { RunningProbe, type SharedMaps } from './running-probe.js';
import type { AttachedProbe, ProbeRequest, SessionTarget } from './session-types.js';

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

/** A probe that the kernel has accepted, of which nothing runs yet. */
export class LoadedForSession {
  readonly #request: ProbeRequest;
  readonly #plans: readonly PointPlan[];
  readonly #loaded: LoadedProbe;
  readonly #around: ProbeSurroundings;
  readonly #eventBase: number;
  readonly #mode: AttachedProbe['mode'];

  /** Throws UsageError, UnsupportedError or LoadError; nothing is loaded then. */
  constructor(request: ProbeRequest, eventBase: number, around: ProbeSurroundings) {
    const { ir, objectBase } = request.module;
    const { target, features } = around;
    const plans = planProbe(request, target, features);
    const bytes = readProbeObject(ir, objectBase);
    const mode = request.mode ?? ir.modes[0] ?? 'stream';
    const programs = plannedPrograms(plans);
    this.#loaded = loadProbe(
      {
        ir,
        bytes,
        config: { target: targetConfig(around, eventBase), params: request.params ?? {}, mode },
        shared: adoptShared(ir.name, bytes, around),
        mapEntries: around.mapEntries,
        programs,
        multiPrograms: usesMultiLinks(features) ? userPrograms(plans) : new Set(),
        verifierStatistics: around.verifierStatistics,
      },
      programs,
    );
    this.#request = request;
    this.#plans = plans;
    this.#around = around;
    this.#eventBase = eventBase;
    this.#mode = mode;
  }

  /**
   * Attaches every point; `between` is called after each step, for the records of the earlier ones.
   * Throws as the constructor does; nothing is attached then, and the object is still to be closed.
   */
  attach(between: () => void): RunningProbe {
    const { target, features } = this.#around;
    const { object, verified: programs } = this.#loaded;
    const { ir } = this.#request.module;
    const attacher = new ProbeAttacher(this.#loaded, { object, features, pid: target.info.pid });
    const held = attacher.attachAll(this.#plans, between);
    const points = held.map(point => point.shown);
    const [mode, eventBase] = [this.#mode, this.#eventBase];
    return new RunningProbe(ir, object, { name: ir.name, mode, eventBase, points, programs }, held);
  }

  /** Gives the object back; a running probe of it is over then. */
  close(): void {
    this.#loaded.object.close();
  }
}
