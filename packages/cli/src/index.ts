/**
 * The command as a function, for a program that brings its own probes along (a bundle): it passes
 * them in, and nothing is searched for. `sonde` itself is main.ts.
 */
export { findProbes, type FoundProbe, type SearchOptions } from './discovery.js';
export { examine, type Check, type Diagnosis } from './doctor.js';
export { EXIT } from './exit-codes.js';
export { main } from './program.js';
export { realSurround, type Surround } from './terminal.js';
