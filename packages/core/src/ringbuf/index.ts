/**
 * Records out of the kernel's ring, in place. Nothing here knows what a record means; the number of
 * lost records is counted by the probes, in BPF, and read by the session.
 */
export {
  mapRing,
  RingReader,
  STEP_BYTES,
  type RecordHandler,
  type RingMemory,
  type RingReaderOptions,
} from './ring-reader.js';
export { RingWakeup, TICK_MS, type Drain } from './ring-wakeup.js';
