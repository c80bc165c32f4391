/**
 * Runs the instructions of a frame entry up to one address and gives the row that holds there
 * (DWARF 5, 6.4.2 and 7.24). What a reader would get wrong: the row holds *before* the location
 * advances past the wanted address, and `restore` goes back to the CIE's rules, not to the last.
 */
import { FormatError } from '../elf/index.js';
import { CfiReader } from './cfi-reader.js';
import type { Expression } from './expression.js';
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

/** No architecture has registers of higher DWARF numbers (x86-64: 145, arm64: 127). */
const REGISTER_MAX = 255;

/**
 * What one row may cost. A program of 30 KB, the longest in sqlite, costs some twelve thousand;
 * without a bound, remembered rows make the work quadratic in the bytes.
 */
export const ROW_WORK_MAX = 1 << 20;

/** Instructions run, and rules copied by them: what lookups have cost so far. */
export interface Work {
  units: number;
}

interface Row {
  cfa: CfaRule | undefined;
  registers: Map<number, RegisterRule>;
}

const copyOf = (row: Row): Row => ({ cfa: row.cfa, registers: new Map(row.registers) });

/** The number of a register. */
function register(reader: CfiReader): number {
  const { place } = reader;
  const number = reader.uleb();
  if (number <= REGISTER_MAX) return number;
  throw new FormatError(place, 'implausible number of a register', number);
}

/** An expression, its length first. */
function expression(reader: CfiReader): Expression {
  const length = reader.uleb();
  const address = reader.place;
  return { bytes: reader.take(length), address };
}

/** The machine that instructions change. */
class RowProgram {
  row: Row = { cfa: undefined, registers: new Map() };
  readonly #common: CommonEntry;
  readonly #initial: Row | undefined;
  readonly #remembered: Row[] = [];
  readonly #work: Work;
  readonly #workEnd: number;

  constructor(common: CommonEntry, work: Work, initial?: Row) {
    this.#common = common;
    this.#work = work;
    this.#workEnd = work.units + ROW_WORK_MAX;
    this.#initial = initial;
    if (initial !== undefined) this.row = copyOf(initial);
  }

  /** Runs until the location passes `target`, or to the end. */
  run(reader: CfiReader, start: number, target: number): void {
    let location = start;
    while (!reader.done) {
      this.#spend(1, reader);
      const op = reader.u8();
      const next = this.#advanced(op, reader, location);
      if (next === undefined) {
        this.#change(op, reader);
        continue;
      }
      if (next < location) {
        throw new FormatError(reader.place, 'location goes backwards', next);
      }
      location = next;
      if (location > target) return;
    }
  }

  /** Counts work, and refuses what no compiler asks for. */
  #spend(units: number, { place }: CfiReader): void {
    this.#work.units += units;
    if (this.#work.units <= this.#workEnd) return;
    throw new FormatError(place, 'frame entry asks for more work than allowed', ROW_WORK_MAX);
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
      throw new FormatError(reader.place - 1, 'unknown call frame instruction', op);
    }
  }

  #changeCfa(op: number, reader: CfiReader): boolean {
    const { dataFactor } = this.#common;
    switch (op) {
      case DEF_CFA:
        this.row.cfa = { kind: 'register', register: register(reader), offset: reader.uleb() };
        return true;
      case DEF_CFA_SF:
        this.row.cfa = {
          kind: 'register',
          register: register(reader),
          offset: reader.sleb() * dataFactor,
        };
        return true;
      case DEF_CFA_REGISTER:
        this.row.cfa = { ...this.#registerCfa(reader), register: register(reader) };
        return true;
      case DEF_CFA_OFFSET:
        this.row.cfa = { ...this.#registerCfa(reader), offset: reader.uleb() };
        return true;
      case DEF_CFA_OFFSET_SF:
        this.row.cfa = { ...this.#registerCfa(reader), offset: reader.sleb() * dataFactor };
        return true;
      case DEF_CFA_EXPRESSION:
        this.row.cfa = { kind: 'expression', ...expression(reader) };
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
          throw new FormatError(reader.place, 'too many remembered rows', REMEMBERED_MAX);
        }
        this.#spend(registers.size, reader);
        this.#remembered.push(copyOf(this.row));
        return true;
      case RESTORE_STATE: {
        const row = this.#remembered.pop();
        if (row === undefined) {
          throw new FormatError(reader.place - 1, 'no remembered row to restore', op);
        }
        this.row = row;
        return true;
      }
      case OFFSET_EXTENDED:
        this.#save(register(reader), reader.uleb() * dataFactor);
        return true;
      case OFFSET_EXTENDED_SF:
        this.#save(register(reader), reader.sleb() * dataFactor);
        return true;
      case GNU_NEGATIVE_OFFSET_EXTENDED:
        this.#save(register(reader), -reader.uleb() * dataFactor);
        return true;
      case RESTORE_EXTENDED:
        this.#restore(register(reader));
        return true;
      case UNDEFINED:
        registers.set(register(reader), { kind: 'undefined' });
        return true;
      case SAME_VALUE:
        registers.set(register(reader), { kind: 'same' });
        return true;
      case REGISTER:
        registers.set(register(reader), { kind: 'register', register: register(reader) });
        return true;
      case VAL_OFFSET:
        registers.set(register(reader), { kind: 'value', offset: reader.uleb() * dataFactor });
        return true;
      case VAL_OFFSET_SF:
        registers.set(register(reader), { kind: 'value', offset: reader.sleb() * dataFactor });
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
    this.row.registers.set(register(reader), { kind, ...expression(reader) });
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
    throw new FormatError(reader.place, 'CFA changed before it was defined', cfa?.kind);
  }
}

const initialRows = new WeakMap<CommonEntry, Row>();

/** The row with which every function of a CIE starts. */
function initialRow(common: CommonEntry, work: Work): Row {
  let row = initialRows.get(common);
  if (row === undefined) {
    const program = new RowProgram(common, work);
    program.run(new CfiReader(common.instructions, common.instructionsAddress), 0, 0);
    row = program.row;
    initialRows.set(common, row);
  }
  return row;
}

/**
 * The row that holds at an address of a function; adds to `work` what it cost. Throws FormatError
 * for instructions that are unknown, cut off, contradict themselves or cost over ROW_WORK_MAX.
 */
export function rowAt(entry: FrameEntry, address: number, work: Work = { units: 0 }): UnwindRow {
  const { common } = entry;
  const program = new RowProgram(common, work, initialRow(common, work));
  const reader = new CfiReader(entry.instructions, entry.instructionsAddress);
  program.run(reader, entry.start, address);
  const { cfa, registers } = program.row;
  if (cfa === undefined) throw new FormatError(entry.instructionsAddress, 'row without a CFA');
  return { cfa, registers, returnRegister: common.returnRegister, signal: common.signal };
}
