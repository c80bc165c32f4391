/** Room dwarf: structures that a program's own DWARF describes. Imports elf. */
export { DwarfStructures, hasDwarf, readDwarfStructures } from './structures.js';
