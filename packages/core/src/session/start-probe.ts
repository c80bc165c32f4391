/**
 * From a request to a running probe: plan, load, attach. The fact that is easy to get wrong: when a
 * later step fails, what the earlier ones made is taken back here, so the caller sees all or
 * nothing.
 */
import { BpfObject, type MapHandle } from '../libbpf/index.js';
import {
  loadProbe,
  readProbeObject,
  usesMultiLinks,
  type Features,
  type TargetConfig,
} from '../loader/index.js';
import { ProbeAttacher } from './attach-probe.js';
import { plannedPrograms, planProbe, userPrograms } from './plan.js';
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
  /** Whether probes unwind C code. */
  readonly wholeStacks: boolean;
  /** Unread bytes from which probes wake the reader. */
  readonly wakeupBytes: number;
  /** Whether the verifier is asked for its statistics. */
  readonly verifierStatistics: boolean;
}

function targetConfig(around: ProbeSurroundings, eventBase: number): TargetConfig {
  return {
    ...around.target.config(),
    hasCookie: around.features.has('cookies') ? 1 : 0,
    eventBase,
    ringWakeupBytes: around.wakeupBytes,
    wholeStacks: around.wholeStacks ? 1 : 0,
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

/**
 * Starts one probe. Throws UsageError, UnsupportedError or LoadError as its steps do; nothing of
 * this probe is loaded or attached then.
 */
export function startProbe(
  request: ProbeRequest,
  eventBase: number,
  around: ProbeSurroundings,
): RunningProbe {
  const { ir, objectBase } = request.module;
  const { target, features } = around;
  const plans = planProbe(request, target, features);
  const bytes = readProbeObject(ir, objectBase);
  const mode = request.mode ?? ir.modes[0] ?? 'stream';
  const programs = plannedPrograms(plans);
  const loaded = loadProbe(
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
  try {
    const context = { object: loaded.object, features, pid: target.info.pid };
    const held = new ProbeAttacher(loaded, context).attachAll(plans);
    const points = held.map(point => point.shown);
    const shown = { name: ir.name, mode, eventBase, points, programs: loaded.verified };
    return new RunningProbe(ir, loaded.object, shown, held);
  } catch (error) {
    loaded.object.close();
    throw error;
  }
}
