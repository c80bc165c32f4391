/** Room gosym: what Go's own tables say of a program, stripped or not. Imports elf and code. */
export { goBuildId, readBuildInfo, type BuildInfo } from './build-info.js';
export { isGoProgram, openGoProgram, openPclntab, type GoProgram } from './go-program.js';
export { goOffsets, knownReleases, UnknownReleaseError, type GoOffsets } from './offsets.js';
export { Pclntab, type GoFrame, type GoFunction } from './pclntab.js';
export type { ModuleData, PclntabPlace } from './pclntab-locate.js';
export { parseGoRelease, type GoRelease } from './release.js';
export { findRuntimeGlobals, type GlobalName, type RuntimeGlobals } from './runtime-globals.js';
export { type CallbackPlaces, findCallbackPlaces, findTlsG, type TlsG } from './runtime-places.js';
export { tableRows, type FieldOffsets, type TableRow } from './table-rows.js';
