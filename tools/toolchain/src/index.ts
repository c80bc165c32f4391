/**
 * What `@sonde/toolchain` offers: a cache keyed by content, and three ways to fill it with things
 * that somebody signed. Nothing here knows what a guest or a probe is.
 */
export { cacheRoot, cached, contentKey, exists, type Progress } from './cache.js';
export { CommandError, hasProgram, run, type RunOptions } from './command.js';
export { debianPackage, type DebianArch, type DebianPackage } from './debian.js';
export { goEnvironment, goRoot, goToolchain, type GoToolchain } from './go.js';
export { findGoRelease, goManifest, goReleases, type GoReleaseEntry } from './go-manifest.js';
export { debianMirror } from './mirror.js';
export { npmPackage } from './npm.js';
