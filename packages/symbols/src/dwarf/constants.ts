/**
 * Constants of the DWARF standard (versions 2 to 5, section 7), spelled as it spells them. Only
 * those that the reader of structures looks at.
 */

/** Tag of the entry that heads a unit. */
export const DW_TAG_compile_unit = 0x11;
/** A field of a structure. */
export const DW_TAG_member = 0x0d;
/** A struct of Go; also its strings, slices and interfaces. */
export const DW_TAG_structure_type = 0x13;
/** Tag of a name for another type; Go gives one to every named type that is no structure. */
export const DW_TAG_typedef = 0x16;

/** How the source calls it; types of Go with their package in front. */
export const DW_AT_name = 0x03;
/** A global or local variable. */
export const DW_TAG_variable = 0x34;

/** Attribute: size of a type in bytes. */
export const DW_AT_byte_size = 0x0b;
/** Attribute: language of a unit. */
export const DW_AT_language = 0x13;
/** Attribute: offset of a field in its structure. */
export const DW_AT_data_member_location = 0x38;
/** Attribute: type of a field, or what a typedef names. */
export const DW_AT_type = 0x49;
/** Attribute: where a unit's part of `.debug_str_offsets` begins. */
export const DW_AT_str_offsets_base = 0x72;

/** What the Go compiler and linker give as their own. */
export const DW_LANG_Go = 0x16;
/** Operation: add an unsigned constant; old compilers give a field's offset by it. */
export const DW_OP_plus_uconst = 0x23;

/** Unit types of version 5 that hold ordinary entries: a unit, and part of one. */
export const DW_UT_compile = 0x01;
/** The second of them. */
export const DW_UT_partial = 0x03;

/** Attribute forms (section 7.5.6; 0x1f01 and above are GNU's). */
export const DW_FORM = {
  addr: 0x01,
  block2: 0x03,
  block4: 0x04,
  data2: 0x05,
  data4: 0x06,
  data8: 0x07,
  string: 0x08,
  block: 0x09,
  block1: 0x0a,
  data1: 0x0b,
  flag: 0x0c,
  sdata: 0x0d,
  strp: 0x0e,
  udata: 0x0f,
  ref_addr: 0x10,
  ref1: 0x11,
  ref2: 0x12,
  ref4: 0x13,
  ref8: 0x14,
  ref_udata: 0x15,
  indirect: 0x16,
  sec_offset: 0x17,
  exprloc: 0x18,
  flag_present: 0x19,
  strx: 0x1a,
  addrx: 0x1b,
  ref_sup4: 0x1c,
  strp_sup: 0x1d,
  data16: 0x1e,
  line_strp: 0x1f,
  ref_sig8: 0x20,
  implicit_const: 0x21,
  loclistx: 0x22,
  rnglistx: 0x23,
  ref_sup8: 0x24,
  strx1: 0x25,
  strx2: 0x26,
  strx3: 0x27,
  strx4: 0x28,
  addrx1: 0x29,
  addrx2: 0x2a,
  addrx3: 0x2b,
  addrx4: 0x2c,
  GNU_addr_index: 0x1f01,
  GNU_str_index: 0x1f02,
  GNU_ref_alt: 0x1f20,
  GNU_strp_alt: 0x1f21,
} as const;
