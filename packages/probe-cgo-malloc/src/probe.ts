/**
 * The probe of C allocations, as sessions load it: representation, decoders, object. What a
 * reader would get wrong: the key `sonde.probe` of package.json points here, and nothing else lists
 * probes.
 */
export { probe, probe as default } from './gen/cgo-malloc.js';
