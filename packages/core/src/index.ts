/**
 * The framework's front door: sessions, errors and what they show. Schemas, decoders, targets and
 * the rooms that speak BPF have doors of their own (`@sonde/core/schema`, `/decode`, `/target` …).
 */
export {
  LoadError,
  UnsupportedError,
  UsageError,
  type LoadFailure,
  type SondeErrorOptions,
} from './errors.js';
export { openSession, startSession } from './session.js';
export type {
  AnyEventHandler,
  AttachedPoint,
  AttachedProbe,
  AttachedSite,
  BrakeAction,
  EventHandler,
  FailedAlternative,
  LossCounts,
  Losses,
  ProbeRequest,
  Session,
  SessionEnd,
  SessionOptions,
  SessionTarget,
  TracingCost,
} from './session/session-types.js';
export { calibrate, type Calibration, type CostClass } from './session/calibration.js';
export type { MapRows } from './libbpf/index.js';
export {
  feature,
  FEATURE_NAMES,
  hostArch,
  type Feature,
  type FeatureName,
  type FeatureOverrides,
} from './loader/index.js';
