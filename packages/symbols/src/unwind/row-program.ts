/**
 * Runs the instructions of a frame entry up to one address and gives the row that holds there
 * (DWARF 5, 6.4.2 and 7.24). What a reader would get wrong: the row holds *before* the location
 * advances past the wanted address, and `restore` goes back to the CIE's rules, not to the last.
 */
import { FormatError } from '../elf/index.js';
import { CfiReader } from './cfi-reader.js';
import type { CommonEntry, FrameEntry } from './frame-entry.js';
import type { CfaRule, RegisterRule, UnwindRow } from './unwind-row.js';

const OP_ADVANCE_LOC = 0x40;
const OP_OFFSET = 0x80;
const OP_RESTORE = 0xc0;

const NOP = 0x00;
const SET_LOC = 0x01;
const ADVANCE_LOC1 = 0x02;
const ADVANCE_LOC2 = 0x03;
const ADVANCE_LOC4 = 0x04;
const OFFSET_EXTENDED = 0x05;
const RESTORE_EXTENDED = 0x06;
const UNDEFINED = 0x07;
const SAME_VALUE = 0x08;
const REGISTER = 0x09;
const REMEMBER_STATE = 0x0a;
const RESTORE_STATE = 0x0b;
const DEF_CFA = 0x0c;
const DEF_CFA_REGISTER = 0x0d;
const DEF_CFA_OFFSET = 0x0e;
const DEF_CFA_EXPRESSION = 0x0f;
const EXPRESSION = 0x10;
const OFFSET_EXTENDED_SF = 0x11;
const DEF_CFA_SF = 0x12;
const DEF_CFA_OFFSET_SF = 0x13;
const VAL_OFFSET = 0x14;
const VAL_OFFSET_SF = 0x15;
const VAL_EXPRESSION = 0x16;
/** On arm64 it toggles whether the return address is signed; addresses are masked instead. */
const GNU_WINDOW_SAVE = 0x2d;
const GNU_ARGS_SIZE = 0x2e;
const GNU_NEGATIVE_OFFSET_EXTENDED = 0x2f;

/** Compilers nest remembered rows two deep; a loop of them must not eat the memory. */
const REMEMBERED_MAX = 64;

interface Row {
  cfa: CfaRule | undefined;
  registers: Map<number, RegisterRule>;
}

const copyOf = (row: Row): Row => ({ cfa: row.cfa, registers: new Map(row.registers) });

/** The machine that instructions change. */
class RowProgram {
  row: Row = { cfa: undefined, registers: new Map() };
  readonly #common: CommonEntry;
  readonly #initial: Row | undefined;
  readonly #remembered: Row[] = [];

  constructor(common: CommonEntry, initial?: Row) {
    this.#common = common;
    this.#initial = initial;
    if (initial !== undefined) this.row = copyOf(initial);
  }

  /** Runs until the location passes `target`, or to the end. */
  run(reader: CfiReader, start: number, target: number): void {
    let location = start;
    while (!reader.done) {
      const op = reader.u8();
      const next = this.#advanced(op, reader, location);
      if (next === undefined) {
        this.#change(op, reader);
        continue;
      }
      if (next < location) {
        throw new FormatError(reader.address + reader.at, 'location goes backwards', next);
      }
      location = next;
      if (location > target) return;
    }
  }

  /** The new location if the instruction moves it. */
  #advanced(op: number, reader: CfiReader, location: number): number | undefined {
    const { codeFactor, pointerEncoding } = this.#common;
    if ((op & 0xc0) === OP_ADVANCE_LOC) return location + (op & 0x3f) * codeFactor;
    switch (op) {
      case SET_LOC:
        return reader.pointer(pointerEncoding) ?? location;
      case ADVANCE_LOC1:
        return location + reader.u8() * codeFactor;
      case ADVANCE_LOC2:
        return location + reader.u16() * codeFactor;
      case ADVANCE_LOC4:
        return location + reader.u32() * codeFactor;
      default:
        return undefined;
    }
  }

  #change(op: number, reader: CfiReader): void {
    const low = op & 0x3f;
    const { dataFactor } = this.#common;
    if ((op & 0xc0) === OP_OFFSET) this.#save(low, reader.uleb() * dataFactor);
    else if ((op & 0xc0) === OP_RESTORE) this.#restore(low);
    else if (!this.#changeCfa(op, reader) && !this.#changeRegister(op, reader)) {
      throw new FormatError(
        reader.address + reader.at - 1,
        'unknown call frame instruction',
        `0x${op.toString(16)}`,
      );
    }
  }

  #changeCfa(op: number, reader: CfiReader): boolean {
    const { dataFactor } = this.#common;
    switch (op) {
      case DEF_CFA:
        this.row.cfa = { kind: 'register', register: reader.uleb(), offset: reader.uleb() };
        return true;
      case DEF_CFA_SF:
        this.row.cfa = {
          kind: 'register',
          register: reader.uleb(),
          offset: reader.sleb() * dataFactor,
        };
        return true;
      case DEF_CFA_REGISTER:
        this.row.cfa = { ...this.#registerCfa(reader), register: reader.uleb() };
        return true;
      case DEF_CFA_OFFSET:
        this.row.cfa = { ...this.#registerCfa(reader), offset: reader.uleb() };
        return true;
      case DEF_CFA_OFFSET_SF:
        this.row.cfa = { ...this.#registerCfa(reader), offset: reader.sleb() * dataFactor };
        return true;
      case DEF_CFA_EXPRESSION:
        this.row.cfa = { kind: 'expression', bytes: reader.take(reader.uleb()) };
        return true;
      default:
        return false;
    }
  }

  #changeRegister(op: number, reader: CfiReader): boolean {
    const { dataFactor } = this.#common;
    const { registers } = this.row;
    switch (op) {
      case NOP:
      case GNU_WINDOW_SAVE:
        return true;
      case GNU_ARGS_SIZE:
        reader.uleb();
        return true;
      case REMEMBER_STATE:
        if (this.#remembered.length >= REMEMBERED_MAX) {
          throw new FormatError(reader.address + reader.at, 'too many remembered rows');
        }
        this.#remembered.push(copyOf(this.row));
        return true;
      case RESTORE_STATE: {
        const row = this.#remembered.pop();
        if (row === undefined) {
          throw new FormatError(reader.address + reader.at, 'no remembered row to restore');
        }
        this.row = row;
        return true;
      }
      case OFFSET_EXTENDED:
        this.#save(reader.uleb(), reader.uleb() * dataFactor);
        return true;
      case OFFSET_EXTENDED_SF:
        this.#save(reader.uleb(), reader.sleb() * dataFactor);
        return true;
      case GNU_NEGATIVE_OFFSET_EXTENDED:
        this.#save(reader.uleb(), -reader.uleb() * dataFactor);
        return true;
      case RESTORE_EXTENDED:
        this.#restore(reader.uleb());
        return true;
      case UNDEFINED:
        registers.set(reader.uleb(), { kind: 'undefined' });
        return true;
      case SAME_VALUE:
        registers.set(reader.uleb(), { kind: 'same' });
        return true;
      case REGISTER:
        registers.set(reader.uleb(), { kind: 'register', register: reader.uleb() });
        return true;
      case VAL_OFFSET:
        registers.set(reader.uleb(), { kind: 'value', offset: reader.uleb() * dataFactor });
        return true;
      case VAL_OFFSET_SF:
        registers.set(reader.uleb(), { kind: 'value', offset: reader.sleb() * dataFactor });
        return true;
      case EXPRESSION:
        this.#expression(reader, 'savedExpression');
        return true;
      case VAL_EXPRESSION:
        this.#expression(reader, 'valueExpression');
        return true;
      default:
        return false;
    }
  }

  #expression(reader: CfiReader, kind: 'savedExpression' | 'valueExpression'): void {
    const register = reader.uleb();
    this.row.registers.set(register, { kind, bytes: reader.take(reader.uleb()) });
  }

  #save(register: number, offset: number): void {
    this.row.registers.set(register, { kind: 'saved', offset });
  }

  #restore(register: number): void {
    const rule = this.#initial?.registers.get(register);
    if (rule === undefined) this.row.registers.delete(register);
    else this.row.registers.set(register, rule);
  }

  #registerCfa(reader: CfiReader): Extract<CfaRule, { kind: 'register' }> {
    const { cfa } = this.row;
    if (cfa?.kind === 'register') return cfa;
    throw new FormatError(reader.address + reader.at, 'CFA changed before it was defined');
  }
}

const initialRows = new WeakMap<CommonEntry, Row>();

/** The row with which every function of a CIE starts. */
function initialRow(common: CommonEntry): Row {
  let row = initialRows.get(common);
  if (row === undefined) {
    const program = new RowProgram(common);
    program.run(new CfiReader(common.instructions, common.instructionsAddress), 0, 0);
    row = program.row;
    initialRows.set(common, row);
  }
  return row;
}

/**
 * The row that holds at an address of a function. Throws FormatError for instructions that are
 * unknown, cut off or contradict themselves; the work is bounded by the entry's own length.
 */
export function rowAt(entry: FrameEntry, address: number): UnwindRow {
  const { common } = entry;
  const program = new RowProgram(common, initialRow(common));
  const reader = new CfiReader(entry.instructions, entry.instructionsAddress);
  program.run(reader, entry.start, address);
  const { cfa, registers } = program.row;
  if (cfa === undefined) throw new FormatError(entry.instructionsAddress, 'row without a CFA');
  return { cfa, registers, returnRegister: common.returnRegister, signal: common.signal };
}
