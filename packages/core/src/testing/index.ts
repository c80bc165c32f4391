/**
 * What tests build their objects with: records from a schema, a ring in plain memory, a clock, and
 * BPF objects compiled on the spot. Never imported by anything but tests.
 */
export { compileProgram, compileTarget, hostLane, type CompileOptions } from './bpf-fixture.js';
export { FakeClock } from './fake-clock.js';
export { MemoryRing } from './memory-ring.js';
export {
  buildRecord,
  type FieldValue,
  type FieldValues,
  type RecordOptions,
} from './record-builder.js';
export { RunningProgram } from './running-program.js';
