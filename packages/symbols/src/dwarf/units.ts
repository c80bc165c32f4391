/**
 * `.debug_info`: its units, and one entry of a unit. What a reader would get wrong: a flat walk
 * over entries needs no tree, because a null entry (code 0) is one byte and every entry says by its
 * shape where it ends.
 */
import { type Abbreviation, readAbbreviations, skipForm, type UnitSizes } from './abbreviations.js';
import * as c from './constants.js';
import { Cursor } from './cursor.js';

const F = c.DW_FORM;

/** The sections that entries are read from. */
export interface DebugSections {
  readonly info: Uint8Array;
  readonly abbrev: Uint8Array;
  readonly str: Uint8Array | undefined;
  readonly lineStr: Uint8Array | undefined;
  readonly strOffsets: Uint8Array | undefined;
}

/** A unit's head; offsets count in `.debug_info`. */
export interface Unit extends UnitSizes {
  readonly start: number;
  readonly firstEntry: number;
  readonly end: number;
  readonly abbreviations: ReadonlyMap<number, Abbreviation>;
  /** Where its string offsets begin (version 5). */
  readonly strOffsetsBase: number;
}

/** What of an entry the reader of structures looks at. */
export interface Entry {
  name?: string;
  sizeBytes?: number;
  /** Offset of a field in its structure. */
  memberOffset?: number;
  /** Offset in `.debug_info` of the type's entry. */
  type?: number;
  language?: number;
  strOffsetsBase?: number;
}

interface UnitHead extends UnitSizes {
  readonly firstEntry: number;
  readonly end: number;
  readonly abbrevOffset: number;
  /** True for units of ordinary entries. */
  readonly ordinary: boolean;
}

/** Moves the cursor behind the head; throws FormatError for an impossible length. */
function readHead(cursor: Cursor): UnitHead {
  let length = cursor.unsigned(4);
  const wide = length === 0xffffffff;
  if (wide) length = cursor.unsigned(8);
  const offsetBytes = wide ? 8 : 4;
  const end = cursor.at + length;
  if (length < 7 || end > cursor.bytes.byteLength) throw cursor.error('bad unit length', length);
  const version = cursor.unsigned(2);
  // Another version has another head; its unit is stepped over.
  const unknown = { firstEntry: end, end, abbrevOffset: 0, ordinary: false };
  if (version < 2 || version > 5) return { ...unknown, addressBytes: 8, offsetBytes, version };
  const type = version >= 5 ? cursor.unsigned(1) : c.DW_UT_compile;
  const early = version >= 5 ? cursor.unsigned(1) : 0;
  const abbrevOffset = cursor.unsigned(offsetBytes);
  const addressBytes = version >= 5 ? early : cursor.unsigned(1);
  const ordinary = type === c.DW_UT_compile || type === c.DW_UT_partial;
  const firstEntry = cursor.at;
  return { firstEntry, end, abbrevOffset, ordinary, addressBytes, offsetBytes, version };
}

/** The string of a form; undefined for forms of other files. The cursor stands on the value. */
function readString(
  cursor: Cursor,
  form: number,
  unit: Unit,
  sections: DebugSections,
): string | undefined {
  if (form === F.string) {
    const start = cursor.skipString();
    return text(cursor.bytes, start, cursor.at - 1);
  }
  if (form === F.strp || form === F.line_strp) {
    const offset = cursor.unsigned(unit.offsetBytes);
    return stringAt(form === F.strp ? sections.str : sections.lineStr, offset);
  }
  const indexBytes = { [F.strx1]: 1, [F.strx2]: 2, [F.strx4]: 4 }[form];
  if (form !== F.strx && indexBytes === undefined) {
    skipForm(cursor, form, unit);
    return undefined;
  }
  const index = indexBytes === undefined ? cursor.uleb() : cursor.unsigned(indexBytes);
  if (sections.strOffsets === undefined) return undefined;
  const at = unit.strOffsetsBase + index * unit.offsetBytes;
  const offsets = new Cursor(sections.strOffsets, '.debug_str_offsets', at);
  return stringAt(sections.str, offsets.unsigned(unit.offsetBytes));
}

function text(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

function stringAt(section: Uint8Array | undefined, offset: number): string | undefined {
  if (section === undefined) return undefined;
  const cursor = new Cursor(section, 'string section', offset);
  cursor.skipString();
  return text(section, offset, cursor.at - 1);
}

/** A constant or a reference; undefined for other forms. The cursor stands on the value. */
function readNumber(
  cursor: Cursor,
  form: number,
  constant: number,
  unit: Unit,
): number | undefined {
  switch (form) {
    case F.implicit_const:
      return constant;
    case F.data1:
    case F.ref1:
      return cursor.unsigned(1);
    case F.data2:
    case F.ref2:
      return cursor.unsigned(2);
    case F.data4:
    case F.ref4:
      return cursor.unsigned(4);
    case F.data8:
    case F.ref8:
      return cursor.unsigned(8);
    case F.ref_addr:
      return cursor.unsigned(unit.version <= 2 ? unit.addressBytes : unit.offsetBytes);
    case F.sec_offset:
      return cursor.unsigned(unit.offsetBytes);
    // A field's offset is never negative, and a small positive SLEB128 reads like a ULEB128.
    case F.sdata:
    case F.udata:
    case F.ref_udata:
      return cursor.uleb();
    default:
      skipForm(cursor, form, unit);
      return undefined;
  }
}

/** A field's offset: a constant, or an expression that adds one. */
function readMemberOffset(
  cursor: Cursor,
  form: number,
  constant: number,
  unit: Unit,
): number | undefined {
  if (form !== F.block1 && form !== F.exprloc) return readNumber(cursor, form, constant, unit);
  const length = form === F.block1 ? cursor.unsigned(1) : cursor.uleb();
  const start = cursor.skip(length);
  const inner = new Cursor(cursor.bytes, '.debug_info', start, start + length);
  return length > 1 && inner.unsigned(1) === c.DW_OP_plus_uconst ? inner.uleb() : undefined;
}

/** Reads the attributes of one entry; the cursor stands behind its code and ends behind it. */
export function readEntry(
  cursor: Cursor,
  shape: Abbreviation,
  unit: Unit,
  sections: DebugSections,
): Entry {
  const entry: Entry = {};
  for (const { attribute, form: given, constant } of shape.attributes) {
    const form = given === F.indirect ? cursor.uleb() : given;
    let value: number | undefined;
    switch (attribute) {
      case c.DW_AT_name: {
        const name = readString(cursor, form, unit, sections);
        if (name !== undefined) entry.name = name;
        break;
      }
      case c.DW_AT_byte_size:
        value = readNumber(cursor, form, constant, unit);
        if (value !== undefined) entry.sizeBytes = value;
        break;
      case c.DW_AT_data_member_location:
        value = readMemberOffset(cursor, form, constant, unit);
        if (value !== undefined) entry.memberOffset = value;
        break;
      case c.DW_AT_type:
        value = readNumber(cursor, form, constant, unit);
        // All references but ref_addr count from the unit's start.
        if (value !== undefined) entry.type = form === F.ref_addr ? value : unit.start + value;
        break;
      case c.DW_AT_language:
        value = readNumber(cursor, form, constant, unit);
        if (value !== undefined) entry.language = value;
        break;
      case c.DW_AT_str_offsets_base:
        value = readNumber(cursor, form, constant, unit);
        if (value !== undefined) entry.strOffsetsBase = value;
        break;
      default:
        skipForm(cursor, form, unit);
    }
  }
  return entry;
}

/** The units written by the Go compiler; units of other languages are stepped over. */
export function readGoUnits(sections: DebugSections): Unit[] {
  const units: Unit[] = [];
  const tables = new Map<string, ReadonlyMap<number, Abbreviation>>();
  const cursor = new Cursor(sections.info, '.debug_info');
  while (!cursor.done) {
    const start = cursor.at;
    const head = readHead(cursor);
    cursor.at = head.end;
    if (!head.ordinary) continue;
    const { addressBytes, offsetBytes, version, firstEntry, end } = head;
    const key = `${head.abbrevOffset} ${addressBytes} ${offsetBytes} ${version}`;
    let abbreviations = tables.get(key);
    if (abbreviations === undefined) {
      abbreviations = readAbbreviations(sections.abbrev, head.abbrevOffset, head);
      tables.set(key, abbreviations);
    }
    const strOffsetsBase = 2 * offsetBytes;
    const sizes = { addressBytes, offsetBytes, version };
    const unit: Unit = { start, firstEntry, end, abbreviations, strOffsetsBase, ...sizes };
    const first = new Cursor(sections.info, '.debug_info', firstEntry, end);
    const shape = first.done ? undefined : abbreviations.get(first.uleb());
    if (shape?.tag !== c.DW_TAG_compile_unit) continue;
    const entry = readEntry(first, shape, unit, sections);
    if (entry.language !== c.DW_LANG_Go) continue;
    units.push({ ...unit, strOffsetsBase: entry.strOffsetsBase ?? strOffsetsBase });
  }
  return units;
}
