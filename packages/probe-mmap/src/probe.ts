/**
 * The probe mmap as sessions load it. The key `sonde.probe` of package.json points here.
 */
export { probe, probe as default } from './gen/mmap.js';
