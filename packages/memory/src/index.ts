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
export {
  type FrameShape,
  type FrameShapeAt,
  type Registers,
  StackWindow,
  walkStack,
  type StackBounds,
  type WalkedStack,
  type WalkOptions,
} from './runtime/goroutine-stack.js';
export type { GoroutineState } from './runtime/goroutine-record.js';
export {
  type Goroutine,
  type GoroutineList,
  type GoroutineOptions,
  listGoroutines,
} from './runtime/goroutines.js';
export {
  type HeapProfile,
  type HeapProfileEntry,
  readHeapProfile,
  type SampleCounts,
} from './runtime/heap-profile.js';
export {
  type LiveRuntime,
  type MemoryRange,
  type RuntimeGlobalAddresses,
  type RuntimeMemory,
  type RuntimeOffsets,
  RuntimeReadError,
} from './runtime/runtime-reader.js';
export {
  censusSpans,
  type LargeObject,
  type SizeClassCensus,
  type SpanCensus,
} from './runtime/span-census.js';
export {
  callerOf,
  isOwnCode,
  isPlumbing,
  type NamedFrame,
  ownerOf,
  placeOf,
  withoutArguments,
  withoutTemplates,
} from './stack-names.js';
export type { Series } from './trend.js';
