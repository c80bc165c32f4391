/**
 * iced-x86, loaded when first needed: it costs a WASM module. What a reader would get wrong:
 * `import()` of a CommonJS file first looks for the names of its exports, in all 900 KB of this
 * one, which takes three times as long as to run it; a plain require looks for none.
 */
import { createRequire } from 'node:module';
import type * as Iced from 'iced-x86';

/** What the package exports; it is CommonJS, and this is its whole exports object. */
export type Library = (typeof Iced)['default'];

const load = createRequire(import.meta.url);

/** Returns the library. The first call costs some 15 ms of compiling. */
export function loadIced(): Library {
  return load('iced-x86') as Library;
}
