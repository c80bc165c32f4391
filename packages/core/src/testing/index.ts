/**
 * What tests build their objects with: records from a schema, a ring in plain memory, a clock, and
 * BPF objects compiled on the spot. Never imported by anything but tests.
 */
export { compileProgram, compileTarget, hostLane, type CompileOptions } from './bpf-fixture.js';
export { MemoryRing } from './memory-ring.js';
export * from './records.js';
export { RunningProgram } from './running-program.js';
