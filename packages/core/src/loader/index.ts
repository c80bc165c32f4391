/**
 * From an object file to attached programs. All that depends on the running kernel is decided here,
 * and nowhere else.
 */
export {
  attachKernel,
  attachUser,
  isUserKind,
  parseCpuList,
  requireFeature,
  usesMultiLinks,
  type AttachContext,
  type UserKind,
  type UserPlace,
} from './attach.js';
export {
  checkSchemaHash,
  CONFIG_SECTION,
  writeConfig,
  type ProbeConfig,
  type TargetConfig,
} from './config-section.js';
export { CountingProgram } from './counting-program.js';
export {
  feature,
  FEATURE_NAMES,
  Features,
  type Feature,
  type FeatureName,
  type FeatureOverrides,
} from './features.js';
export { hostArch, type Arch } from './host-arch.js';
export { programLines, type ProgramLines, type SourceLine } from './line-info.js';
export {
  loadProbe,
  readProbeObject,
  refusalError,
  snakeCase,
  type LoadedProbe,
  type LoadPlan,
  type VerifiedProgram,
} from './probe-object.js';
export { explainRejection, rejectionLines, type Rejection } from './rejection.js';
export type { SchemaPlace } from './schema-field.js';
export {
  readVerifierCounts,
  readVerifierLog,
  shortSummary,
  type VerifierCounts,
  type VerifierVerdict,
} from './verifier-log.js';
