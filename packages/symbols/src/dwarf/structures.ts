/**
 * Offsets of named fields, from a program's own DWARF. What a reader would get wrong: only the
 * entries of wanted structures are read; all others are stepped over, because a large program has
 * tens of megabytes of them. The walk ends as soon as everything wanted was found.
 */
import { type ElfFile, FormatError } from '../elf/index.js';
import { skipForm } from './abbreviations.js';
import * as c from './constants.js';
import { Cursor } from './cursor.js';
import { debugSection } from './sections.js';
import { type DebugSections, readEntry, readGoUnits, type Unit } from './units.js';

/** One field: its offset, and where its type's entry stands. */
interface Member {
  readonly offset: number;
  readonly type: number | undefined;
}

interface Structure {
  readonly name: string;
  readonly sizeBytes: number;
  readonly members: ReadonlyMap<string, Member>;
}

/** How many typedefs may stand between a field and its structure. */
const TYPEDEFS_MAX = 16;

/** What a field's offset is asked with: a full type name and a path of field names. */
export class DwarfStructures {
  readonly #sections: DebugSections;
  readonly #units: readonly Unit[];
  readonly #found: ReadonlyMap<string, Structure>;
  /** Types of wanted names that are variables, such as `runtime.work`. */
  readonly #variables: ReadonlyMap<string, number>;
  readonly #byOffset = new Map<number, Structure | undefined>();

  private constructor(
    sections: DebugSections,
    units: readonly Unit[],
    found: ReadonlyMap<string, Structure>,
    variables: ReadonlyMap<string, number>,
  ) {
    this.#sections = sections;
    this.#units = units;
    this.#found = found;
    this.#variables = variables;
  }

  /**
   * Walks the units for the structures of these names; a variable of such a name stands for its
   * type. Throws FormatError for damaged entries.
   */
  static find(
    sections: DebugSections,
    units: readonly Unit[],
    wanted: ReadonlySet<string>,
  ): DwarfStructures {
    const found = new Map<string, Structure>();
    const variables = new Map<string, number>();
    for (const unit of units) findStructures(unit, sections, wanted, found, variables);
    return new DwarfStructures(sections, units, found, variables);
  }

  /** Names of the wanted types that the program has. */
  get names(): string[] {
    return [...this.#found.keys(), ...this.#variables.keys()];
  }

  /** True when the program describes this type, such as `runtime.g`. */
  has(type: string): boolean {
    return this.#found.has(type) || this.#variables.has(type);
  }

  /** Size of a type in bytes; undefined when the program does not describe it. */
  sizeOf(type: string): number | undefined {
    return this.#named(type)?.sizeBytes;
  }

  /**
   * Byte offset of a field by its path, such as `['sched', 'bp']`; undefined when the type lacks
   * it. Throws FormatError for damaged entries.
   */
  offsetOf(type: string, path: readonly string[]): number | undefined {
    let structure = this.#named(type);
    let total = 0;
    for (const [index, name] of path.entries()) {
      const member = structure?.members.get(name);
      if (member === undefined) return undefined;
      total += member.offset;
      if (index + 1 < path.length) structure = this.#structureAt(member.type);
    }
    return path.length === 0 ? undefined : total;
  }

  #named(type: string): Structure | undefined {
    return this.#found.get(type) ?? this.#structureAt(this.#variables.get(type));
  }

  /** The structure whose entry, or whose typedef's, stands at an offset. */
  #structureAt(offset: number | undefined): Structure | undefined {
    if (offset === undefined) return undefined;
    if (!this.#byOffset.has(offset)) this.#byOffset.set(offset, this.#readAt(offset));
    return this.#byOffset.get(offset);
  }

  #readAt(offset: number): Structure | undefined {
    let at: number | undefined = offset;
    for (let i = 0; i < TYPEDEFS_MAX && at !== undefined; i++) {
      const position: number = at;
      const unit = this.#units.find(u => position >= u.firstEntry && position < u.end);
      if (unit === undefined) return undefined;
      const cursor = new Cursor(this.#sections.info, '.debug_info', position, unit.end);
      const shape = unit.abbreviations.get(cursor.uleb());
      if (shape === undefined) throw cursor.error('unknown shape of entry');
      const entry = readEntry(cursor, shape, unit, this.#sections);
      if (shape.tag === c.DW_TAG_structure_type) {
        const sizeBytes = entry.sizeBytes ?? 0;
        const members = readMembers(cursor, unit, this.#sections);
        return { name: entry.name ?? '', sizeBytes, members };
      }
      if (shape.tag !== c.DW_TAG_typedef) return undefined;
      at = entry.type;
    }
    return undefined;
  }
}

/** Fields of a structure: the entries up to the null that ends its children. */
function readMembers(cursor: Cursor, unit: Unit, sections: DebugSections): Map<string, Member> {
  const members = new Map<string, Member>();
  while (!cursor.done) {
    const code = cursor.uleb();
    if (code === 0) break;
    const shape = unit.abbreviations.get(code);
    if (shape === undefined) throw cursor.error('unknown shape of entry', code);
    const entry = readEntry(cursor, shape, unit, sections);
    if (shape.tag !== c.DW_TAG_member || entry.name === undefined) continue;
    if (entry.memberOffset === undefined) continue;
    members.set(entry.name, { offset: entry.memberOffset, type: entry.type });
  }
  return members;
}

/** Walks one unit and adds the wanted structures; ends when all were found. */
function findStructures(
  unit: Unit,
  sections: DebugSections,
  wanted: ReadonlySet<string>,
  found: Map<string, Structure>,
  variables: Map<string, number>,
): void {
  const cursor = new Cursor(sections.info, '.debug_info', unit.firstEntry, unit.end);
  while (!cursor.done && found.size + variables.size < wanted.size) {
    const code = cursor.uleb();
    if (code === 0) continue;
    const shape = unit.abbreviations.get(code);
    if (shape === undefined) throw cursor.error('unknown shape of entry', code);
    if (shape.tag === c.DW_TAG_structure_type) {
      const entry = readEntry(cursor, shape, unit, sections);
      if (entry.name === undefined || !wanted.has(entry.name) || found.has(entry.name)) continue;
      if (entry.sizeBytes === undefined) continue;
      const { name, sizeBytes } = entry;
      found.set(name, { name, sizeBytes, members: readMembers(cursor, unit, sections) });
    } else if (shape.tag === c.DW_TAG_variable) {
      const { name, type } = readEntry(cursor, shape, unit, sections);
      if (name !== undefined && type !== undefined && wanted.has(name)) variables.set(name, type);
    } else if (shape.fixedBytes >= 0) {
      cursor.skip(shape.fixedBytes);
    } else {
      for (const { form } of shape.attributes) skipForm(cursor, form, unit);
    }
  }
}

/** True when the program has DWARF at all, compressed or not; says nothing of its contents. */
export function hasDwarf(elf: ElfFile): boolean {
  return elf.section('.debug_info') !== undefined || elf.section('.zdebug_info') !== undefined;
}

/**
 * Reads the structures of these names from a program's DWARF; undefined where it has none. Throws
 * FormatError for damaged sections. Costs the decompression and one walk over the entries that
 * the Go compiler wrote: some 100 ms for 20 MB.
 */
export function readDwarfStructures(
  elf: ElfFile,
  wanted: ReadonlySet<string>,
): DwarfStructures | undefined {
  const info = debugSection(elf, 'info');
  const abbrev = debugSection(elf, 'abbrev');
  if (info === undefined) return undefined;
  if (abbrev === undefined) throw new FormatError(0, 'read DWARF: no .debug_abbrev');
  const sections: DebugSections = {
    info,
    abbrev,
    str: debugSection(elf, 'str'),
    lineStr: debugSection(elf, 'line_str'),
    strOffsets: debugSection(elf, 'str_offsets'),
  };
  return DwarfStructures.find(sections, readGoUnits(sections), wanted);
}
