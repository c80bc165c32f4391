/**
 * Room target: the traced process. Its maps, memory, Go release, and where each attach point lies
 * in it. Only this room and session read the target and its /proc.
 */
export type { AttachLocation, TargetAttachIr } from './attach-places.js';
export { placesInFile } from './file-places.js';
export type { GoCounters } from './go-counters.js';
export type { GoMemStats } from './go-mem-stats.js';
export { findAllocator, findLibc } from './libc.js';
export type { AddressRange } from './memory-reader.js';
export type { Module } from './modules.js';
export { hostArch } from './open-target.js';
export { type MapEntry, pageSize, parseMaps } from './proc.js';
export { pidFilter, type PidFilter, type TargetConfig } from './target-config.js';
export type { TargetRuntime } from './target-runtime.js';
export { openTarget, Target, type MemorySample, type TargetInfo } from './target.js';
