/**
 * What a kernel test needs beside tap: a workload of known truth, earned skips, and the count of
 * events that it compared. The same on the host and in every guest.
 */
export { cellInfo, kernelAtLeast, type CellInfo } from './cell.js';
export { reportCompared } from './compared.js';
export { judgeFeature, requireFeature, type FeatureAnswer, type SkipVerdict } from './feature.js';
export { probeReturns } from './pending-returns.js';
export { attachBy, type AttemptedTest, type Way } from './way.js';
export type { WitnessOptions, Witness } from './witness.js';
export { witness } from './witness.js';
export { releaseList, type ReleaseList, type ReleaseProgram } from './releases.js';
export { ask, CHURNED_GOROUTINES, ownFunctions, startTruth } from './truth.js';
export { reportSame } from './same.js';
export { EventsDiffer, expectEvents, type ExpectOptions, type WaitClock } from './expect-events.js';
export {
  compareEvents,
  comparisonText,
  type DifferentEvent,
  type EventComparison,
  type SeenEvent,
} from './event-diff.js';
export { EventLog, recordEvents, type EventSource } from './event-log.js';
export { atLeast, between, oneOf, satisfies } from './matchers.js';
export type { ExpectedEvent, ExpectedField, Matcher } from './matchers.js';
export { mapRows, type MapRow, type RowSource } from './map-rows.js';
export { functionsOf } from './stack-names.js';
export { Program, startProgram, type ProgramOptions } from './program.js';
export { buildRecord, FakeClock } from '@sonde/core/records';
export type { FieldValues, RecordOptions } from '@sonde/core/records';
export { startWorkload, workloadPath, Workload } from './workload.js';
export type { WorkloadLine, WorkloadOptions } from './workload.js';
