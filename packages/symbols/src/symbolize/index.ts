/** Room symbolize: address → function, file, line, for Go and C. Imports elf and gosym. */
export { CSymbols, type CSymbolHit } from './c-symbols.js';
export { ProgramNames, type AddressNames } from './program-names.js';
export { Symbolizer, type Frame } from './symbolizer.js';
