/**
 * The broken probe, as sessions load it. What a reader would get wrong: `sonde` does not find it,
 * because it looks in packages; only the test of the report loads it.
 */
export { probe, probe as default } from './gen/seeded.js';
