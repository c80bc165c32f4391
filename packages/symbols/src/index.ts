/**
 * Reads programs, running or not: ELF, Go's own tables, symbols, and the places in code where a
 * probe can go. Bytes in, values out; useful without BPF.
 */
export * from './elf/index.js';
export * from './code/index.js';
export * from './gosym/index.js';
export * from './symbolize/index.js';
export * from './unwind/index.js';
