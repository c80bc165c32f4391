/**
 * `.debug_abbrev`: the shapes of entries, by code. What a reader would get wrong: a form that is
 * not known ends the reading, because an entry whose size is unknown hides all that follow.
 */
import { DW_FORM } from './constants.js';
import { Cursor } from './cursor.js';

/** What an entry of a shape holds at one place: which attribute, in which encoding. */
export interface AttributeShape {
  readonly attribute: number;
  readonly form: number;
  /** The value of DW_FORM_implicit_const, which stands in the shape. */
  readonly constant: number;
}

/** One shape. */
export interface Abbreviation {
  readonly tag: number;
  readonly attributes: readonly AttributeShape[];
  /** Bytes that every entry of this shape has, where all its forms have one size; else -1. */
  readonly fixedBytes: number;
}

/** What the head of a unit decides for the bytes of its entries. */
export interface UnitSizes {
  readonly addressBytes: number;
  /** 4, or 8 in a unit of the 64-bit format. */
  readonly offsetBytes: number;
  readonly version: number;
}

/** Bytes of a form that always has the same size in a unit; -1 for the others. */
export function formBytes(form: number, sizes: UnitSizes): number {
  const F = DW_FORM;
  switch (form) {
    case F.flag_present:
    case F.implicit_const:
      return 0;
    case F.data1:
    case F.ref1:
    case F.flag:
    case F.strx1:
    case F.addrx1:
      return 1;
    case F.data2:
    case F.ref2:
    case F.strx2:
    case F.addrx2:
      return 2;
    case F.strx3:
    case F.addrx3:
      return 3;
    case F.data4:
    case F.ref4:
    case F.ref_sup4:
    case F.strx4:
    case F.addrx4:
      return 4;
    case F.data8:
    case F.ref8:
    case F.ref_sig8:
    case F.ref_sup8:
      return 8;
    case F.data16:
      return 16;
    case F.addr:
      return sizes.addressBytes;
    case F.ref_addr:
      // An address in version 2 (section 7.5.4 of that version), an offset since.
      return sizes.version <= 2 ? sizes.addressBytes : sizes.offsetBytes;
    case F.strp:
    case F.line_strp:
    case F.sec_offset:
    case F.strp_sup:
    case F.GNU_ref_alt:
    case F.GNU_strp_alt:
      return sizes.offsetBytes;
    default:
      return -1;
  }
}

/** Moves a cursor over the value of a form. Throws FormatError for a form that is not known. */
export function skipForm(cursor: Cursor, form: number, sizes: UnitSizes): void {
  const bytes = formBytes(form, sizes);
  if (bytes >= 0) {
    cursor.skip(bytes);
    return;
  }
  const F = DW_FORM;
  switch (form) {
    case F.string:
      cursor.skipString();
      return;
    case F.udata:
    case F.sdata:
    case F.ref_udata:
    case F.strx:
    case F.addrx:
    case F.loclistx:
    case F.rnglistx:
    case F.GNU_addr_index:
    case F.GNU_str_index:
      cursor.uleb();
      return;
    case F.block1:
      cursor.skip(cursor.unsigned(1));
      return;
    case F.block2:
      cursor.skip(cursor.unsigned(2));
      return;
    case F.block4:
      cursor.skip(cursor.unsigned(4));
      return;
    case F.block:
    case F.exprloc:
      cursor.skip(cursor.uleb());
      return;
    case F.indirect:
      // One level: a form that names itself again would not end.
      skipDirect(cursor, cursor.uleb(), sizes);
      return;
    default:
      throw cursor.error('unknown form of attribute', form);
  }
}

function skipDirect(cursor: Cursor, form: number, sizes: UnitSizes): void {
  if (form === DW_FORM.indirect || form === DW_FORM.implicit_const) {
    throw cursor.error('indirect form names a form without a value', form);
  }
  skipForm(cursor, form, sizes);
}

/** Reads the shapes from an offset of the section on, up to the terminating zero. */
export function readAbbreviations(
  section: Uint8Array,
  offset: number,
  sizes: UnitSizes,
): ReadonlyMap<number, Abbreviation> {
  const cursor = new Cursor(section, '.debug_abbrev', offset);
  const table = new Map<number, Abbreviation>();
  for (;;) {
    const code = cursor.done ? 0 : cursor.uleb();
    if (code === 0) return table;
    const tag = cursor.uleb();
    cursor.skip(1);
    const attributes: AttributeShape[] = [];
    let fixedBytes = 0;
    for (;;) {
      const attribute = cursor.uleb();
      const form = cursor.uleb();
      const constant = form === DW_FORM.implicit_const ? cursor.uleb() : 0;
      if (attribute === 0 && form === 0) break;
      attributes.push({ attribute, form, constant });
      const bytes = formBytes(form, sizes);
      fixedBytes = bytes < 0 || fixedBytes < 0 ? -1 : fixedBytes + bytes;
    }
    table.set(code, { tag, attributes, fixedBytes });
  }
}
