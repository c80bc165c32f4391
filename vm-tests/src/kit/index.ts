/**
 * What a kernel test needs beside tap: a workload of known truth, earned skips, and the count of
 * events that it compared. The same on the host and in every guest.
 */
export { cellInfo, kernelAtLeast, type CellInfo } from './cell.js';
export { reportCompared } from './compared.js';
export { judgeFeature, requireFeature, type FeatureAnswer, type SkipVerdict } from './feature.js';
export type { WitnessOptions, Witness } from './witness.js';
export { witness } from './witness.js';
export { releaseList, type ReleaseList, type ReleaseProgram } from './releases.js';
export { ask, CHURNED_GOROUTINES, ownFunctions, startTruth } from './truth.js';
export { reportSame } from './same.js';
export { startWorkload, workloadPath, Workload } from './workload.js';
export type { WorkloadLine, WorkloadOptions } from './workload.js';
