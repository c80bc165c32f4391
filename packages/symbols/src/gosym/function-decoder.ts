/**
 * Decodes one function's file, line and inline tables into ranges and frames. What a reader would
 * get wrong: the position of an inlined frame's caller is that of the call, which records to 1.19
 * hold themselves and later ones give by an address of the function.
 */
import { FormatError } from '../elf/index.js';
import { FrameNodes, NO_NODE } from './frame-nodes.js';
import { type FunctionTable, NO_FILE } from './function-table.js';
import { InlineRecords } from './inline-tree.js';
import { NO_FUNCDATA, PCDATA_INLINE_INDEX } from './pclntab-layout.js';
import { PcValues } from './pc-value.js';

/** A line that no table names. */
export const NO_LINE = -1;

/** Nodes that a new position is compared with: loops return to lines of a moment ago. */
const NODES_COMPARED = 8;

/** Finds the base of function data when it is first needed; 0 where there is none. */
export type GofuncSource = () => number;

/** Decodes functions of one table into {@link FrameNodes}. */
export class FunctionDecoder {
  readonly nodes: FrameNodes;
  readonly #table: FunctionTable;
  readonly #records: InlineRecords;
  readonly #gofunc: GofuncSource;
  readonly #files = new PcValues();
  readonly #lines = new PcValues();
  readonly #inlined = new PcValues();
  /** First node and inline tree of the function in work. */
  #firstNode = 0;
  #tree = 0;
  /** The record that was asked for last, and its name offset. */
  #lastCall = -1;
  #lastName = -1;
  /** Name offset of the function in work; the file number that was asked for last, its offset. */
  #name = 0;
  #lastFile = -1;
  #lastFileOffset = NO_FILE;
  /** Record → node of the frame around it, of the function in work. */
  readonly #callers = new Map<number, number>();

  constructor(table: FunctionTable, gofunc: GofuncSource) {
    this.#table = table;
    this.#gofunc = gofunc;
    this.#records = new InlineRecords(table.elf, table.layout.inline);
    this.nodes = new FrameNodes(table.count);
  }

  /** Decodes a function unless that was done before. Throws FormatError where it is damaged. */
  decode(index: number): void {
    if (this.nodes.first[index]! >= 0) return;
    this.nodes.makeRoom();
    const table = this.#table;
    const record = table.recordAt(index);
    const size = table.starts[index + 1]! - table.starts[index]!;
    const tree = record < 0 ? 0 : inlineTreeOf(table, record, this.#gofunc);
    this.#readTables(record, size, tree !== 0);
    const { count: firstNode, ranges: first } = this.nodes;
    this.#firstNode = firstNode;
    this.#tree = tree;
    this.#name = record < 0 ? 0 : table.field(record, table.layout.func.name);
    this.#lastFile = -1;
    this.#lastFileOffset = NO_FILE;
    if (record >= 0) this.#addRanges(record, size, tree);
    this.nodes.first[index] = first;
    this.nodes.last[index] = this.nodes.ranges;
    if (tree !== 0) this.#link(index, firstNode, record, tree);
  }

  #readTables(record: number, size: number, tree: boolean): void {
    const table = this.#table;
    const { func } = table.layout;
    const bytes = table.part(table.header.pcTables);
    const decode = (values: PcValues, at: number): void => {
      // Offset 0 means that the function has no such table.
      if (at === 0) values.clear();
      else values.decode(bytes, at, table.header.quantum, size);
    };
    const field = (offset: number): number => (record < 0 ? 0 : table.field(record, offset));
    decode(this.#files, field(func.pcfile));
    decode(this.#lines, field(func.pcln));
    const has = tree && field(func.npcdata) > PCDATA_INLINE_INDEX;
    decode(this.#inlined, has ? field(func.end + PCDATA_INLINE_INDEX * 4) : 0);
  }

  /** Merges the three tables: a range ends wherever one of its values changes. */
  #addRanges(record: number, size: number, tree: number): void {
    const [files, lines, inlined] = [this.#files, this.#lines, this.#inlined];
    this.#lastCall = -1;
    this.#callers.clear();
    let [f, l, n] = [0, 0, 0];
    for (let pc = 0; pc < size;) {
      while (f < files.count && files.ends[f]! <= pc) f++;
      while (l < lines.count && lines.ends[l]! <= pc) l++;
      while (n < inlined.count && inlined.ends[n]! <= pc) n++;
      let end = size;
      let [file, line, call] = [-1, NO_LINE, -1];
      if (f < files.count) {
        file = files.values[f]!;
        end = Math.min(end, files.ends[f]!);
      }
      if (l < lines.count) {
        line = lines.values[l]!;
        end = Math.min(end, lines.ends[l]!);
      }
      if (n < inlined.count) {
        // A record outside the file's bytes means that nothing is known to be inlined there.
        if (this.#nameOf(tree, inlined.values[n]!) >= 0) call = inlined.values[n]!;
        end = Math.min(end, inlined.ends[n]!);
      }
      this.nodes.addRange(end, this.#nodeOf(record, call, file, line));
      pc = end;
    }
  }

  /** The node of a position; ranges that share it and lie near each other share the node. */
  #nodeOf(record: number, call: number, file: number, line: number): number {
    const name = call < 0 ? this.#name : this.#nameOf(this.#tree, call);
    if (file !== this.#lastFile) {
      this.#lastFile = file;
      this.#lastFileOffset = this.#table.fileOffset(record, file);
    }
    const offset = this.#lastFileOffset;
    const caller = call < 0 ? NO_NODE : call;
    const { nodes } = this;
    const { line: lines, parent } = nodes;
    const oldest = Math.max(this.#firstNode, nodes.count - NODES_COMPARED);
    for (let node = nodes.count - 1; node >= oldest; node--) {
      // The caller's record stands in `parent` until the function's nodes are linked.
      const same = lines[node] === line && parent[node] === caller;
      if (same && nodes.file[node] === offset && nodes.name[node] === name) return node;
    }
    const node = nodes.addNode(name, offset, line);
    nodes.parent[node] = caller;
    return node;
  }

  /** Name offset of an inlined function; -1 where its record lies outside the file's bytes. */
  #nameOf(tree: number, call: number): number {
    if (call < 0) return -1;
    if (call === this.#lastCall) return this.#lastName;
    this.#lastCall = call;
    return (this.#lastName = this.#records.read(tree, call)?.name ?? -1);
  }

  /** Turns the records that nodes carry into links to the frames around them. */
  #link(index: number, firstNode: number, record: number, tree: number): void {
    const { nodes } = this;
    const byRecord = this.#table.layout.inline.call !== null;
    for (let node = firstNode, end = nodes.count; node < end; node++) {
      const call = nodes.parent[node]!;
      if (call < 0) continue;
      // First the caller: adding its node may replace the column that is then assigned to.
      const caller = byRecord
        ? this.#callerByRecord(record, tree, call)
        : this.#callerByAddress(index, record, tree, call);
      nodes.parent[node] = caller;
    }
  }

  /** From 1.20: the frame around a call is whatever the tables say at its parentPc. */
  #callerByAddress(index: number, record: number, tree: number, call: number): number {
    let node = this.#callers.get(call);
    if (node === undefined) {
      const pc = this.#records.read(tree, call)?.parentPc;
      const range = pc === undefined || pc < 0 ? -1 : this.nodes.rangeAt(index, pc);
      node =
        range >= 0
          ? this.nodes.rangeNode[range]!
          : this.nodes.addNode(this.#name, NO_FILE, NO_LINE);
      this.#callers.set(call, node);
    }
    return node;
  }

  /** To 1.19: the record names file and line of the call, and the record of its caller. */
  #callerByRecord(record: number, tree: number, call: number): number {
    const start = this.#callers.get(call);
    if (start !== undefined) return start;
    let inner = NO_NODE;
    let result = NO_NODE;
    for (let at = call; ;) {
      const known = this.#callers.get(at);
      const read = known === undefined ? this.#records.read(tree, at) : undefined;
      const parent = read?.parent ?? -1;
      let node = known;
      if (node === undefined) {
        const file = read === undefined ? NO_FILE : this.#table.fileOffset(record, read.file);
        const line = read?.line ?? NO_LINE;
        const name = this.#nameOf(tree, parent);
        node = this.nodes.addNode(name < 0 ? this.#name : name, file, line);
        this.#callers.set(at, node);
      }
      if (inner === NO_NODE) result = node;
      else this.nodes.parent[inner] = node;
      if (known !== undefined || parent < 0) return result;
      inner = node;
      at = parent;
    }
  }
}

/** Virtual address of a function's inline tree; 0 where nothing was inlined into it. */
export function inlineTreeOf(table: FunctionTable, record: number, gofunc: GofuncSource): number {
  const { func, inlineTreeIndex, entryBytes } = table.layout;
  if (table.records.getUint8(record + func.nfuncdata) <= inlineTreeIndex) return 0;
  const arrayAt = record + func.end + table.field(record, func.npcdata) * 4;
  if (entryBytes === 4) {
    const at = arrayAt + inlineTreeIndex * 4;
    if (at + 4 > table.records.byteLength) {
      throw new FormatError(table.place.offset, 'function data outside the table', at);
    }
    const offset = table.records.getUint32(at, true);
    const base = offset === NO_FUNCDATA ? 0 : gofunc();
    return base === 0 ? 0 : base + offset;
  }
  // Pointers stand on the next multiple of eight, as an address, behind the pcdata array.
  const start = table.place.address + table.header.records.start;
  const address = Math.ceil((start + arrayAt) / 8) * 8 + inlineTreeIndex * 8;
  if (address + 8 > start + table.records.byteLength) {
    throw new FormatError(table.place.offset, 'function data outside the table', address);
  }
  // The relocation is what counts: GNU ld leaves other words in the slots on arm64.
  const relocated = table.elf.relocations().addendAt(address);
  if (relocated !== undefined) return relocated;
  const at = address - start;
  return table.records.getUint32(at + 4, true) * 0x100000000 + table.records.getUint32(at, true);
}
