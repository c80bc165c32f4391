/**
 * The release of a program without build information, from runtime.buildVersion: a string header
 * in writable data that frames `go1.x.y`. What a reader would get wrong: the bytes of the string
 * may lie in the executable segment (GNU ld on arm64), and other strings name releases too, so
 * only those that the function table's layout allows are believed.
 */
import {
  type ElfFile,
  type ElfSegment,
  findBytes,
  FormatError,
  PF_W,
  PF_X,
  PT_LOAD,
  readU64,
  viewOf,
} from '../elf/index.js';
import { type GoRelease, parseGoRelease } from './release.js';

const PREFIXES = ['go1.', 'devel go1.'];
/** Longest version string: a development one with hash, date and experiments. */
const VERSION_BYTES_MAX = 128;
/** Strings that begin like a version; a program that holds more of them is not searched on. */
const STRINGS_MAX = 4096;

/** Addresses at which a string may begin that names a release. */
function versionAddresses(elf: ElfFile): Set<number> {
  const segments = elf.segments.filter(s => s.type === PT_LOAD && s.fileBytes > 0);
  const code = (s: ElfSegment): boolean => (s.flags & PF_X) !== 0;
  const ordered = [...segments.filter(s => !code(s)), ...segments.filter(code)];
  const found = new Set<number>();
  for (const address of findBytes(elf, { pattern: Buffer.from('go1.'), segments: ordered })) {
    for (const prefix of PREFIXES) found.add(address - (prefix.length - 'go1.'.length));
    if (found.size > STRINGS_MAX) break;
  }
  return found;
}

/** The release that a string header (pointer, length) frames; undefined where it frames none. */
function framed(elf: ElfFile, pointer: number, length: number): GoRelease | undefined {
  if (length < 'go1.1'.length || length > VERSION_BYTES_MAX) return undefined;
  if (elf.vaddrToOffset(pointer) === undefined) return undefined;
  if (elf.vaddrToOffset(pointer + length - 1) === undefined) return undefined;
  return parseGoRelease(Buffer.from(elf.readVirtual(pointer, length)).toString('latin1'));
}

/** Releases framed by headers whose pointer stands in the file's own bytes. */
function* inData(elf: ElfFile, addresses: ReadonlySet<number>): Generator<GoRelease> {
  const writable = elf.segments.filter(
    s => s.type === PT_LOAD && (s.flags & PF_W) !== 0 && s.fileBytes >= 16,
  );
  const low = Math.min(...addresses);
  const high = Math.max(...addresses);
  for (const segment of writable) {
    const view = viewOf(elf.reader.read(segment.offset, segment.fileBytes));
    for (let at = (8 - (segment.address % 8)) % 8; at + 16 <= view.byteLength; at += 8) {
      const pointer = view.getUint32(at + 4, true) * 0x100000000 + view.getUint32(at, true);
      if (pointer < low || pointer > high || !addresses.has(pointer)) continue;
      if (view.getUint32(at + 12, true) !== 0) continue;
      const release = framed(elf, pointer, view.getUint32(at + 8, true));
      if (release !== undefined) yield release;
    }
  }
}

/** Releases framed by headers whose pointer is a relocation. */
function* inRelocations(elf: ElfFile, addresses: ReadonlySet<number>): Generator<GoRelease> {
  for (const address of addresses) {
    for (const slot of elf.relocations().slotsOf(address)) {
      if (elf.vaddrToOffset(slot + 15) === undefined) continue;
      const length = viewOf(elf.readVirtual(slot + 8, 8));
      if (length.getUint32(4, true) !== 0) continue;
      const release = framed(elf, address, length.getUint32(0, true));
      if (release !== undefined) yield release;
    }
  }
}

/** The string of the symbol runtime.buildVersion, where the program has symbols. */
function bySymbol(elf: ElfFile): GoRelease | undefined {
  const symbol = elf.symbols().find(s => s.name === 'runtime.buildVersion');
  if (symbol === undefined || elf.vaddrToOffset(symbol.value + 15) === undefined) return undefined;
  try {
    const length = readU64(viewOf(elf.readVirtual(symbol.value + 8, 8)), 0);
    return framed(elf, elf.readPointer(symbol.value), length);
  } catch (error) {
    // A damaged header names no release; the search may still find the string.
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/**
 * The release that the program's own version string names, the highest one where several strings
 * do: a program cannot know the names of later ones. `allowed` is asked for each minor release.
 * Undefined when there is none. Costs a search of the whole file.
 */
export function findVersionString(
  elf: ElfFile,
  allowed: (minor: number) => boolean,
): GoRelease | undefined {
  const symbol = bySymbol(elf);
  if (symbol !== undefined) return symbol;
  const addresses = versionAddresses(elf);
  if (addresses.size === 0) return undefined;
  const later = (a: GoRelease, b: GoRelease): GoRelease =>
    (b.minor - a.minor || b.patch - a.patch || b.name.length - a.name.length) > 0 ? b : a;
  let best: GoRelease | undefined;
  const releases = elf.relocations().count > 0 ? [inData, inRelocations] : [inData];
  for (const search of releases) {
    for (const release of search(elf, addresses)) {
      if (!allowed(release.minor)) continue;
      best = best === undefined ? release : later(best, release);
    }
    if (best !== undefined) return best;
  }
  return best;
}
