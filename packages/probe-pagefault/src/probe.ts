/**
 * The probe of page faults, as sessions load it: representation, decoders, object. What a
 * reader would get wrong: the key `sonde.probe` of package.json points here, and nothing else lists
 * probes.
 */
export { probe, probe as default } from './gen/pagefault.js';
