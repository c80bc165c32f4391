/**
 * The language in which a probe is declared, and its evaluation to the intermediate representation.
 * What a reader would get wrong: this room loads no native code, so that codegen and documentation
 * can evaluate schemas on any machine.
 */
export * from './ir.js';
export * from './field-types.js';
export * from './definition.js';
export * from './attach.js';
export * from './names.js';
export * from './schema-error.js';
export * from './framework.js';
export * from './scheduler.js';
export * from './address-space.js';
export { walksOf, type StackWalk } from './whole-stack.js';
export { alignUp, scalarBytes, type Extent } from './layout.js';
export { TypeTable, type SourceIndex } from './type-table.js';
export { RECORD_BYTES_MAX } from './validate.js';
export { canonicalJson, schemaHash } from './schema-hash.js';
export { toIr } from './to-ir.js';
