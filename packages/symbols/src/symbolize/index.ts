/** Room symbolize: address → function, file, line, for Go and C. Imports elf and gosym. */
export { CSymbols, type CSymbolHit } from './c-symbols.js';
export { demangle } from './demangle.js';
export { findDebugFile, type DebugFile, type DebugSearch } from './debug-files.js';
export { parseInlinedFrames, type InlinedFrame } from './inlined-frames.js';
export { PerfMap, type PerfMapHit } from './perf-map.js';
export { ProgramNames, type AddressNames } from './program-names.js';
export { namedFrame, Symbolizer, type Frame } from './symbolizer.js';
export type { SymbolSource } from './symbol-source.js';
export { decompressXz } from './xz.js';
