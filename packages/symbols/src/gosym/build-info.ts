/**
 * `.go.buildinfo`: which Go release built a program, from which modules, with which settings.
 * Layout: 14 bytes of magic, pointer size, flags; flags & 2 (since 1.18): two length-prefixed
 * strings at +32; before: two pointers to string headers at +16.
 * What a reader would get wrong: in a PIE of the old layout the pointers are relocations.
 */
import { type ElfFile, FormatError, PF_W, PT_LOAD, readU64, viewOf } from '../elf/index.js';

/** What the linker wrote about the build. */
export interface BuildInfo {
  /** Version string such as `go1.26.8`. */
  readonly goVersion: string;
  /** Import path of the main package; undefined where the build had no module information. */
  readonly path: string | undefined;
  /** Path and version of the main module. */
  readonly main: { readonly path: string; readonly version: string } | undefined;
  /** Build settings by name: `-buildmode`, `CGO_ENABLED`, `GOARCH`, `vcs.revision`, … */
  readonly settings: ReadonlyMap<string, string>;
}

const MAGIC = Buffer.from('\xff Go buildinf:', 'latin1');
const HEADER_BYTES = 32;
const FLAG_INLINE_STRINGS = 2;
/** The linker puts the section near the start of the writable data; a scan need not go further. */
const SCAN_BYTES = 1 << 20;
const STRING_BYTES_MAX = 1 << 24;

/** File offset of the header: by section, else by scanning the start of writable segments. */
function locate(elf: ElfFile): number | undefined {
  const section = elf.section('.go.buildinfo');
  if (section !== undefined && section.sizeBytes >= HEADER_BYTES) return section.offset;
  for (const segment of elf.segments) {
    if (segment.type !== PT_LOAD || (segment.flags & PF_W) === 0) continue;
    const length = Math.min(segment.fileBytes, SCAN_BYTES);
    const bytes = Buffer.from(elf.reader.read(segment.offset, length));
    for (let at = bytes.indexOf(MAGIC); at >= 0; at = bytes.indexOf(MAGIC, at + 1)) {
      if (at % 16 === 0 && at + HEADER_BYTES <= length) return segment.offset + at;
    }
  }
  return undefined;
}

/** One string with a varint length before it; returns the offset behind it. */
function inlineString(elf: ElfFile, offset: number): { bytes: Uint8Array; end: number } {
  let length = 0;
  let at = offset;
  for (let shift = 0; ; shift += 7) {
    if (shift > 28) throw new FormatError(offset, 'build info string length is too long');
    const byte = elf.reader.read(at++, 1)[0]!;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (length > STRING_BYTES_MAX) {
    throw new FormatError(offset, 'build info string is implausibly long', length);
  }
  return { bytes: elf.reader.read(at, length), end: at + length };
}

/** One string by the address of its pointer-and-length header. */
function pointedString(elf: ElfFile, pointer: number): Uint8Array {
  if (pointer === 0) return new Uint8Array(0);
  const data = elf.readPointer(pointer);
  const length = readU64(viewOf(elf.readVirtual(pointer + 8, 8)), 0);
  if (length > STRING_BYTES_MAX) {
    throw new FormatError(0, 'build info string is implausibly long', length);
  }
  return elf.readVirtual(data, length);
}

/** The module text without the 16-byte sentinels around it, which are not UTF-8. */
function unframe(bytes: Uint8Array): string {
  if (bytes.byteLength < 33) return '';
  return Buffer.from(bytes.subarray(16, -16)).toString('utf8');
}

function parseModules(text: string): Omit<BuildInfo, 'goVersion'> {
  let path: string | undefined;
  let main: BuildInfo['main'];
  const settings = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [kind, first = '', second = ''] = line.split('\t');
    if (kind === 'path') path = first;
    else if (kind === 'mod') main = { path: first, version: second };
    else if (kind === 'build') {
      const equals = first.indexOf('=');
      if (equals > 0) settings.set(first.slice(0, equals), first.slice(equals + 1));
    }
  }
  return { path, main, settings };
}

/**
 * Reads the build information; undefined when the program has none (it may still be Go).
 * Throws FormatError when it is there but damaged.
 */
export function readBuildInfo(elf: ElfFile): BuildInfo | undefined {
  const offset = locate(elf);
  if (offset === undefined) return undefined;
  const header = elf.reader.read(offset, HEADER_BYTES);
  if (!Buffer.from(header.subarray(0, MAGIC.length)).equals(MAGIC)) {
    throw new FormatError(offset, 'bad build info magic');
  }
  if ((header[15]! & FLAG_INLINE_STRINGS) !== 0) {
    const version = inlineString(elf, offset + HEADER_BYTES);
    const modules = inlineString(elf, version.end);
    const goVersion = Buffer.from(version.bytes).toString('utf8');
    return { goVersion, ...parseModules(unframe(modules.bytes)) };
  }
  if (header[14] !== 8) throw new FormatError(offset + 14, 'bad pointer size', header[14]);
  const address = elf.offsetToVaddr(offset);
  if (address === undefined) throw new FormatError(offset, 'build info lies in no segment');
  const goVersion = Buffer.from(pointedString(elf, elf.readPointer(address + 16))).toString('utf8');
  const modules = pointedString(elf, elf.readPointer(address + 24));
  return { goVersion, ...parseModules(unframe(modules)) };
}

/** Note type of the Go build ID (cmd/internal/buildid). */
const NT_GO_BUILD_ID = 4;

/** The Go linker's own build ID as text; undefined where it was stripped. */
export function goBuildId(elf: ElfFile): string | undefined {
  const note = elf.notes.find(n => n.owner === 'Go' && n.type === NT_GO_BUILD_ID);
  return note === undefined ? undefined : Buffer.from(note.description).toString('latin1');
}
