/**
 * The part of the test objects that authors of probes use too: records out of a schema, and a
 * clock. What a reader would get wrong: it stands apart because the rest of this room looks for
 * compilers and a kernel as soon as it is loaded, and these run anywhere.
 */
export { FakeClock } from './fake-clock.js';
export {
  buildRecord,
  type FieldValue,
  type FieldValues,
  type RecordOptions,
} from './record-builder.js';
