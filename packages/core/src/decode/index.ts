/**
 * What generated decoders call, and what they are to the rest of Sonde. Nothing here knows a probe.
 */
export * from './bounds.js';
export * from './integers.js';
export * from './values.js';
export * from './json.js';
export * from './probe-module.js';
