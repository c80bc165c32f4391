/** Room unwind: call frame information → the way back from an address. Imports elf. */
export { type FrameEntry } from './frame-entry.js';
export { NO_RULE, packRule, RULE_KIND } from './rule-word.js';
export {
  type StackCopy,
  unwindCopy,
  type Walk,
  type WalkEnd,
  type WalkOptions,
} from './stack-copy.js';
export { signalTrampolineRow, TRAMPOLINE_BYTES } from './signal-trampoline.js';
export {
  type CfaRule,
  DWARF_REGISTERS,
  type DwarfRegisters,
  type RegisterRule,
  type UnwindRow,
} from './unwind-row.js';
export { UnwindTable } from './unwind-table.js';
