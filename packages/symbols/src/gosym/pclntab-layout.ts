/**
 * Every layout that Go's function table has had, each named after the release that introduced it
 * (runtime/symtab.go, runtime/runtime2.go and cmd/link/internal/ld/pcln.go of those releases).
 * What a reader would get wrong: since 1.16 every offset counts from its own part of the table,
 * before that all of them count from the table's start.
 *
 *            magic       header                                    functab entry      _func
 *   go1.2    0xfffffffb  8 count, functab at 16, end pc, file table  8 pc, 8 offset   40 bytes
 *   go1.16   0xfffffffa  8 count, 16 files, 24 five part offsets     8 pc, 8 offset   44
 *   go1.18   0xfffffff0  …, 24 text start, 32 five part offsets      4 pc − text, 4   40
 *   go1.20   0xfffffff1  as 1.18                                     4, 4             44
 */

/** Offsets in `_func`; `end` is where its pcdata array begins. */
export interface FuncLayout {
  readonly name: number;
  readonly pcfile: number;
  readonly pcln: number;
  readonly npcdata: number;
  /** Start of the function's compilation unit in the unit table; undefined before there was one. */
  readonly unit: number | undefined;
  readonly id: number;
  readonly nfuncdata: number;
  readonly end: number;
}

/** Offsets in a record of an inline tree. */
export interface InlineLayout {
  readonly bytes: number;
  readonly id: number;
  readonly name: number;
  readonly parentPc: number;
  /** Of records that name their parent and the place of the call themselves (to 1.19). */
  readonly call: { readonly parent: number; readonly file: number; readonly line: number } | null;
}

/** Offsets in the module data (runtime.moduledata). */
export interface ModuleLayout {
  /** Pointer to and length of the part of the table that ends last. */
  readonly lastPart: number;
  readonly ftab: number;
  readonly minpc: number;
  readonly maxpc: number;
  readonly text: number;
  readonly etext: number;
  /** Where gofunc has been, newest last; empty for the layouts whose function data are pointers. */
  readonly gofunc: readonly number[];
}

/** One layout of the function table. */
export interface PclntabLayout {
  /** The release that introduced it. */
  readonly since: 'go1.2' | 'go1.16' | 'go1.18' | 'go1.20';
  /** Releases that write it, in words for messages. */
  readonly releases: string;
  readonly magic: number;
  readonly headerBytes: number;
  /** Offset of the header's five part offsets; undefined where the parts are not apart. */
  readonly parts: number | undefined;
  /** Bytes of half a functab entry: 8 for an address, 4 for an offset from the text's start. */
  readonly entryBytes: 4 | 8;
  readonly func: FuncLayout;
  /** Index of the inline tree among a function's data. */
  readonly inlineTreeIndex: number;
  readonly inline: InlineLayout;
  readonly module: ModuleLayout;
}

const INLINE_GO112: InlineLayout = {
  ...{ bytes: 20, id: 2, name: 12, parentPc: 16 },
  call: { parent: 0, file: 4, line: 8 },
};

const MODULE_GO116 = {
  ...{ lastPart: 104, ftab: 128, minpc: 160, maxpc: 168, text: 176, etext: 184 },
};

/** The layouts, oldest first. */
export const PCLNTAB_LAYOUTS: readonly PclntabLayout[] = [
  {
    ...{ since: 'go1.2', releases: '1.2 to 1.15', magic: 0xfffffffb, headerBytes: 16 },
    ...{ parts: undefined, entryBytes: 8, inlineTreeIndex: 4, inline: INLINE_GO112 },
    func: {
      ...{ name: 8, pcfile: 24, pcln: 28, npcdata: 32, unit: undefined },
      ...{ id: 36, nfuncdata: 39, end: 40 },
    },
    module: {
      ...{ lastPart: 0, ftab: 24, minpc: 80, maxpc: 88, text: 96, etext: 104, gofunc: [] },
    },
  },
  {
    ...{ since: 'go1.16', releases: '1.16 and 1.17', magic: 0xfffffffa, headerBytes: 64 },
    ...{ parts: 24, entryBytes: 8, inlineTreeIndex: 3, inline: INLINE_GO112 },
    func: {
      ...{ name: 8, pcfile: 24, pcln: 28, npcdata: 32, unit: 36 },
      ...{ id: 40, nfuncdata: 43, end: 44 },
    },
    module: { ...MODULE_GO116, gofunc: [] },
  },
  {
    ...{ since: 'go1.18', releases: '1.18 and 1.19', magic: 0xfffffff0, headerBytes: 72 },
    ...{ parts: 32, entryBytes: 4, inlineTreeIndex: 3, inline: INLINE_GO112 },
    func: {
      ...{ name: 4, pcfile: 20, pcln: 24, npcdata: 28, unit: 32 },
      ...{ id: 36, nfuncdata: 39, end: 40 },
    },
    module: { ...MODULE_GO116, gofunc: [304] },
  },
  {
    ...{ since: 'go1.20', releases: '1.20 and later', magic: 0xfffffff1, headerBytes: 72 },
    ...{ parts: 32, entryBytes: 4, inlineTreeIndex: 3 },
    inline: { bytes: 16, id: 0, name: 4, parentPc: 8, call: null },
    func: {
      ...{ name: 4, pcfile: 20, pcln: 24, npcdata: 28, unit: 32 },
      ...{ id: 40, nfuncdata: 43, end: 44 },
    },
    // 320 from 1.20 on, 344 since 1.27; a later release is found by what its words point at.
    module: { ...MODULE_GO116, gofunc: [320, 344] },
  },
];

/** Index of the inline tree's positions among a function's pc-value tables, in every release. */
export const PCDATA_INLINE_INDEX = 2;

/** Function data that a function does not have, where function data are offsets. */
export const NO_FUNCDATA = 0xffffffff;
