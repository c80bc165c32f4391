/**
 * Which line of C each instruction of a BPF object comes from, read from its `.BTF.ext`.
 *
 * What a reader would get wrong: kernels before 6.10 quote the line's text and not its number, and
 * the verifier counts instructions from the program's first one, while the object counts bytes from
 * the start of a section that may hold many programs. Layout: Linux, Documentation/bpf/btf.rst,
 * `struct btf_ext_header` and `struct bpf_line_info`.
 */
import {
  bufferReader,
  cStringOf as cString,
  openElf,
  type ElfFile,
  type ElfSection,
} from '@sonde/symbols';
import { hostArch } from './host-arch.js';

/** One line of C, as the compiler recorded it. */
export interface SourceLine {
  /** As the compiler was given it; relative to the repository for objects of ours. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1; 0 when unknown. */
  readonly column: number;
  /** The line itself, trimmed. */
  readonly text: string;
}

/** The line that an instruction begins. */
export interface LineStart extends SourceLine {
  /** Index of the instruction from the program's first one. */
  readonly instruction: number;
}

/** The lines of one program, by rising instruction; those of other programs apart. */
export interface ProgramLines {
  readonly own: readonly LineStart[];
  /** Of every other program and function in the object, whose order in the kernel is not known. */
  readonly others: readonly SourceLine[];
}

const INSTRUCTION_BYTES = 8;
const BTF_MAGIC = 0xeb9f;
const BTF_STRINGS_AT = 16;
const EXT_LINES_AT = 16;
const LINE_RECORD_BYTES = 16;
const NO_LINES: ProgramLines = { own: [], others: [] };

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The string table of `.BTF`, to which everything in `.BTF.ext` refers. */
function btfStrings(bytes: Uint8Array): Uint8Array {
  const header = view(bytes);
  if (bytes.byteLength < 24 || header.getUint16(0, true) !== BTF_MAGIC) return new Uint8Array(0);
  const start = header.getUint32(4, true) + header.getUint32(BTF_STRINGS_AT, true);
  return bytes.subarray(start, start + header.getUint32(BTF_STRINGS_AT + 4, true));
}

interface RawLine extends SourceLine {
  readonly section: string;
  readonly offset: number;
}

/** Every line record of the object. Stops where the bytes end, whatever the counts in them say. */
function rawLines(ext: Uint8Array, strings: Uint8Array): RawLine[] {
  const bytes = view(ext);
  if (ext.byteLength < 24 || bytes.getUint16(0, true) !== BTF_MAGIC) return [];
  const start = bytes.getUint32(4, true) + bytes.getUint32(EXT_LINES_AT, true);
  const end = Math.min(ext.byteLength, start + bytes.getUint32(EXT_LINES_AT + 4, true));
  const found: RawLine[] = [];
  if (start + 4 > end) return found;
  const recordBytes = bytes.getUint32(start, true);
  if (recordBytes < LINE_RECORD_BYTES) return found;
  let at = start + 4;
  while (at + 8 <= end) {
    const section = cString(strings, bytes.getUint32(at, true));
    const count = bytes.getUint32(at + 4, true);
    at += 8;
    for (let i = 0; i < count && at + recordBytes <= end; i++, at += recordBytes) {
      const place = bytes.getUint32(at + 12, true);
      found.push({
        section,
        offset: bytes.getUint32(at, true),
        file: cString(strings, bytes.getUint32(at + 4, true)).replace(/^\.\//, ''),
        text: cString(strings, bytes.getUint32(at + 8, true)).trim(),
        line: place >>> 10,
        column: place & 0x3ff,
      });
    }
  }
  return found;
}

interface Place {
  readonly section: ElfSection;
  readonly start: number;
  readonly end: number;
}

function placeOf(elf: ElfFile, program: string): Place | undefined {
  const symbol = elf.symbols().find(each => each.name === program && each.sizeBytes > 0);
  const section = symbol === undefined ? undefined : elf.sections[symbol.sectionIndex];
  if (symbol === undefined || section === undefined) return undefined;
  return { section, start: symbol.value, end: symbol.value + symbol.sizeBytes };
}

function sourceLine({ file, line, column, text }: SourceLine): SourceLine {
  return { file, line, column, text };
}

/**
 * The lines of `program` in the object `bytes`. Empty for objects without line information and for
 * a program that the object lacks; throws FormatError for bytes that are no ELF object.
 */
export function programLines(bytes: Uint8Array, program: string): ProgramLines {
  const elf = openElf(bufferReader(bytes), hostArch());
  const [btf, ext] = ['.BTF', '.BTF.ext'].map(name => elf.section(name));
  const place = placeOf(elf, program);
  if (btf === undefined || ext === undefined || place === undefined) return NO_LINES;
  const own: LineStart[] = [];
  const others: SourceLine[] = [];
  for (const each of rawLines(elf.sectionBytes(ext), btfStrings(elf.sectionBytes(btf)))) {
    const inside = each.offset >= place.start && each.offset < place.end;
    if (each.section === place.section.name && inside) {
      const instruction = (each.offset - place.start) / INSTRUCTION_BYTES;
      own.push({ instruction, ...sourceLine(each) });
    } else others.push(sourceLine(each));
  }
  return { own, others };
}
