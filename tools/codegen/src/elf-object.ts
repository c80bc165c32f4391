/**
 * The functions of a relocatable BPF object and who calls whom. What a reader would get wrong: a
 * call's immediate is the place of the callee in its section only together with the symbol of the
 * call's relocation; for a section symbol it is the whole of it.
 */

/** One function: its symbol, where its code lies. */
export interface ElfFunction {
  readonly name: string;
  readonly section: number;
  /** Place in its section. */
  readonly offset: number;
  readonly bytes: number;
}

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly bytes: number;
  readonly link: number;
  readonly info: number;
}

interface Symbol {
  readonly name: string;
  readonly kind: number;
  readonly section: number;
  readonly value: number;
  readonly bytes: number;
}

/** Of elf.h: section types, symbol types, sizes of entries of the 64-bit format. */
const SHT_SYMTAB = 2;
const SHT_REL = 9;
const STT_FUNC = 2;
const STT_SECTION = 3;
const SYMBOL_BYTES = 24;
const RELOCATION_BYTES = 16;
const ELF_MAGIC = 0x7f454c46;
const INSTRUCTION_BYTES = 8;

/** A 64-bit little-endian object, read once. Throws an Error for bytes that are none. */
export class ElfObject {
  readonly functions: readonly ElfFunction[];
  readonly #view: DataView;
  readonly #sections: readonly Section[];
  readonly #symbols: readonly Symbol[];
  /** `section:offset` of an instruction → its symbol. */
  readonly #relocations: ReadonlyMap<string, Symbol>;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < 64 || this.#view.getUint32(0) !== ELF_MAGIC) {
      throw new Error(`read BPF object: ${bytes.length} bytes are no ELF file`);
    }
    const start = this.#long(40);
    const [size, count] = [this.#view.getUint16(58, true), this.#view.getUint16(60, true)];
    this.#sections = Array.from({ length: count }, (_, n) => this.#section(start + n * size));
    this.#symbols = this.#sections
      .filter(({ type }) => type === SHT_SYMTAB)
      .flatMap(table => this.#symbolsOf(table));
    this.#relocations = new Map(this.#relocationEntries());
    this.functions = this.#symbols
      .filter(({ kind }) => kind === STT_FUNC)
      .map(({ name, section, value, bytes: length }) => ({
        name,
        section,
        offset: value,
        bytes: length,
      }));
  }

  /** The instructions of a function. */
  code({ section, offset, bytes }: ElfFunction): DataView {
    const start = this.#view.byteOffset + (this.#sections[section]?.offset ?? 0) + offset;
    return new DataView(this.#view.buffer, start, bytes);
  }

  /** The function that the call at `at` of `caller` goes to; throws where there is none. */
  callee(caller: ElfFunction, at: number, immediate: number): ElfFunction {
    const place = caller.offset + at;
    const symbol = this.#relocations.get(`${caller.section}:${place}`);
    const section = symbol?.section ?? caller.section;
    const relative = (immediate + 1) * INSTRUCTION_BYTES;
    let offset = place + relative;
    if (symbol !== undefined) offset = symbol.kind === STT_SECTION ? relative : symbol.value;
    const found = this.functions.find(each => each.section === section && each.offset === offset);
    if (found !== undefined) return found;
    throw new Error(`read BPF object: ${caller.name} calls no function at ${section}:${offset}`);
  }

  #long(at: number): number {
    return Number(this.#view.getBigUint64(at, true));
  }

  #section(at: number): Section {
    return {
      type: this.#view.getUint32(at + 4, true),
      offset: this.#long(at + 24),
      bytes: this.#long(at + 32),
      link: this.#view.getUint32(at + 40, true),
      info: this.#view.getUint32(at + 44, true),
    };
  }

  #symbolsOf(table: Section): Symbol[] {
    const names = this.#sections[table.link]?.offset ?? 0;
    return Array.from({ length: table.bytes / SYMBOL_BYTES }, (_, n) => {
      const at = table.offset + n * SYMBOL_BYTES;
      return {
        name: this.#text(names + this.#view.getUint32(at, true)),
        kind: this.#view.getUint8(at + 4) & 15,
        section: this.#view.getUint16(at + 6, true),
        value: this.#long(at + 8),
        bytes: this.#long(at + 16),
      };
    });
  }

  *#relocationEntries(): Generator<[string, Symbol]> {
    for (const { type, offset, bytes, info } of this.#sections) {
      if (type !== SHT_REL) continue;
      for (let at = offset; at < offset + bytes; at += RELOCATION_BYTES) {
        const symbol = this.#symbols[this.#view.getUint32(at + 12, true)];
        if (symbol !== undefined) yield [`${info}:${this.#long(at)}`, symbol];
      }
    }
  }

  #text(at: number): string {
    let end = at;
    while (this.#view.getUint8(end) !== 0) end++;
    const { buffer, byteOffset } = this.#view;
    return new TextDecoder().decode(new Uint8Array(buffer, byteOffset + at, end - at));
  }
}
