/**
 * The memory room: what one trace saw in, what it means out. Values only; a process is read
 * through functions that the caller passes in.
 */
export { analyse } from './analyse.js';
export { RESERVED_CLASSES } from './analysis.js';
export type {
  Analysis,
  CHeapTotals,
  GoLargeTotals,
  GrowthPlace,
  StackFinding,
  TouchReport,
  Verdict,
  VerdictClass,
} from './analysis.js';
export { PROBES } from './doubts.js';
export type { GoHeapTrend } from './go-heap.js';
export type { Growth } from './growth.js';
export { NO_LOSSES } from './observation.js';
export type {
  CHeapObservation,
  FaultColumns,
  Frame,
  GoLargeObservation,
  HeldSample,
  LiveColumns,
  LossCounts,
  MemorySample,
  Observation,
  PageRanges,
  PointState,
  ProbeState,
  SiteState,
  Surroundings,
} from './observation.js';
export { formatBytes, formatCount, formatDuration, formatRate, formatShare } from './quantity.js';
export { callerOf, isPlumbing, ownerOf, placeOf } from './stack-names.js';
export type { Series } from './trend.js';
