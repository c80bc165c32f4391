/** Room gosym: what Go's own tables say of a program, stripped or not. Imports elf and code. */
export { goBuildId, readBuildInfo, type BuildInfo } from './build-info.js';
export type { GoBuildMode } from './build-mode.js';
export type { GoFrame, SymbolizedBatch } from './frame-columns.js';
export { isGoProgram, openGoProgram, type GoProgram } from './go-program.js';
export type { ModuleData } from './module-data.js';
export { confirmProgram } from './ladder-program.js';
export {
  confirmOffsets,
  GO_TABLES,
  type LadderRequest,
  resolveOffsets,
  type TableSource,
} from './ladder.js';
export {
  goConstants,
  goOffsets,
  knownFields,
  knownReleases,
  UnknownReleaseError,
  waitReasonText,
  type GoConstants,
  type GoOffsets,
} from './offsets.js';
export type { PclntabPlace } from './pclntab-header.js';
export { findPacker, type PackedFile } from './packed.js';
export { openPclntab, Pclntab, type GoFunction } from './pclntab.js';
export { parseGoRelease, UNKNOWN_RELEASE, type GoRelease } from './release.js';
export { findRuntimeGlobals, type GlobalName, type RuntimeGlobals } from './runtime-globals.js';
export { type CallbackPlaces, findCallbackPlaces, findTlsG, type TlsG } from './runtime-places.js';
export { tableRows, type FieldOffsets, type TableRow } from './table-rows.js';
