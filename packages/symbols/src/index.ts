export * from './elf/index.js';
export * from './gosym/index.js';
