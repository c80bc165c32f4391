/**
 * Constants of the ELF specification, spelled as it spells them (System V ABI, gABI 4.1; the
 * processor supplements for x86-64 and AArch64; include/uapi/linux/elf.h). Only those that some
 * reader here looks at.
 */

/** e_ident[EI_CLASS]: word size of the file. */
export const ELFCLASS32 = 1;
/** e_ident[EI_CLASS]: word size of the file. */
export const ELFCLASS64 = 2;
/** e_ident[EI_DATA]: byte order of the file. */
export const ELFDATA2LSB = 1;

/** e_type of a program at fixed addresses. */
export const ET_EXEC = 2;
/** e_type of a position-independent program or a shared library. */
export const ET_DYN = 3;

/** e_machine of AMD x86-64. */
export const EM_X86_64 = 62;
/** e_machine of ARM AArch64. */
export const EM_AARCH64 = 183;
/** e_machine of BPF. */
export const EM_BPF = 247;

/** p_type of a segment that is mapped. */
export const PT_LOAD = 1;
/** p_type of the dynamic section's segment. */
export const PT_DYNAMIC = 2;
/** p_type of the path of the dynamic loader. */
export const PT_INTERP = 3;
/** p_type of notes. */
export const PT_NOTE = 4;
/** p_type of the thread-local storage template. */
export const PT_TLS = 7;
/** p_flags: executable. */
export const PF_X = 1;
/** p_flags: writable. */
export const PF_W = 2;

/** sh_type of a symbol table (`.symtab`). */
export const SHT_SYMTAB = 2;
/** sh_type of relocations with addends. */
export const SHT_RELA = 4;
/** sh_type of notes. */
export const SHT_NOTE = 7;
/** sh_type of a section without bytes in the file. */
export const SHT_NOBITS = 8;
/** sh_type of a dynamic symbol table (`.dynsym`). */
export const SHT_DYNSYM = 11;
/** sh_type of packed relative relocations (`.relr.dyn`). */
export const SHT_RELR = 19;
/** sh_flags: the section's bytes are compressed. */
export const SHF_COMPRESSED = 0x800;

/** Symbol type: data object. */
export const STT_OBJECT = 1;
/** Symbol type: function. */
export const STT_FUNC = 2;
/** Symbol type: thread-local object. */
export const STT_TLS = 6;
/** Symbol type: indirect function; its value is the resolver's address. */
export const STT_GNU_IFUNC = 10;
/** Section index of an undefined symbol. */
export const SHN_UNDEF = 0;

/** Relocation: *slot = base + addend (x86-64). */
export const R_X86_64_RELATIVE = 8;
/** Relocation: *slot = base + addend (AArch64). */
export const R_AARCH64_RELATIVE = 1027;
/** Relocation: *slot = offset from the thread pointer (x86-64). */
export const R_X86_64_TPOFF64 = 18;

/** Note type of the GNU build ID. */
export const NT_GNU_BUILD_ID = 3;
