/**
 * What `@sonde/vm-tests` offers to programs: the matrix and a way to run things in its guests.
 * Tests inside a guest use `@sonde/vm-tests/kit` instead.
 */
export { allCells, hostArchitecture, readMatrix, selectCells } from './matrix.js';
export type { Architecture, Cell, Kernel, Matrix } from './matrix.js';
export { prepareCells, runFleet, type FleetRequest } from './guest/fleet.js';
export type { GuestResult } from './guest/boot.js';
export type { PayloadFile, Step } from './guest/payload.js';
export { WarmGuest, type Delivery, type WarmGuestRequest } from './guest/warm.js';
export { workloadFolder } from './lanes/objects.js';
export { failureExcerpt, judgeSuite, type SuiteVerdict } from './lanes/verdict.js';
export { askHost } from './lanes/host.js';
export { buildOwnWorkloads, ownWorkloadFolder } from './own-workloads.js';
export { buildWorkloads } from './workloads.js';
export { withScratch } from './scratch.js';
