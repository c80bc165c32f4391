/**
 * Where the Go function table lies in a program: by section, by the module data's section, or by
 * scanning. What a reader would get wrong: position-independent programs of an external linker
 * have no section of its own for it up to Go 1.25, and it then lies in relocated data.
 */
import { type ElfFile, ET_DYN, findBytes, PF_W, PF_X, PT_LOAD, viewOf } from '../elf/index.js';
import { type PclntabPlace, quantumOf } from './pclntab-header.js';
import { PCLNTAB_LAYOUTS } from './pclntab-layout.js';

const SECTION_NAMES = ['.gopclntab', '.data.rel.ro.gopclntab'];
/** Shortest header of all layouts, and one word more. */
const HEADER_BYTES = 24;
const FUNCTIONS_MAX = 1 << 24;

function placeAt(
  elf: ElfFile,
  address: number,
  foundBy: PclntabPlace['foundBy'],
): PclntabPlace | undefined {
  const segment = elf.segmentAt(address);
  const offset = elf.vaddrToOffset(address);
  if (segment === undefined || offset === undefined) return undefined;
  const sizeBytesMax = segment.address + segment.fileBytes - address;
  return sizeBytesMax < HEADER_BYTES ? undefined : { offset, address, sizeBytesMax, foundBy };
}

/** True when a place holds one of Go's magic numbers and a count that a program can have. */
function plausible(elf: ElfFile, place: PclntabPlace): boolean {
  const view = viewOf(elf.reader.read(place.offset, HEADER_BYTES));
  const magic = view.getUint32(0, true);
  if (!PCLNTAB_LAYOUTS.some(layout => layout.magic === magic)) return false;
  const count = view.getUint32(8, true);
  return view.getUint32(12, true) === 0 && count > 0 && count < FUNCTIONS_MAX;
}

/**
 * The mapped segments, the likely ones first: position-independent programs have the table in
 * data that is relocated, the others in what is only read, and only odd linkers beside code.
 */
function segmentsToScan(elf: ElfFile): ElfFile['segments'] {
  const rank = ({ flags }: { flags: number }): number => {
    if ((flags & PF_X) !== 0) return 2;
    return ((flags & PF_W) !== 0) === (elf.type === ET_DYN) ? 0 : 1;
  };
  const mapped = elf.segments.filter(s => s.type === PT_LOAD && s.fileBytes > 0);
  return mapped.sort((a, b) => rank(a) - rank(b));
}

/**
 * Places where the table may lie, likeliest first; the caller takes the first that module data
 * point at. The scan begins only when the caller asks for more than the sections gave.
 */
export function* pclntabPlaces(elf: ElfFile): Generator<PclntabPlace> {
  for (const name of SECTION_NAMES) {
    const section = elf.section(name);
    if (section === undefined || section.sizeBytes < HEADER_BYTES) continue;
    const { offset, address, sizeBytes } = section;
    yield { offset, address, sizeBytesMax: sizeBytes, foundBy: 'section' };
  }
  const module = elf.section('.go.module');
  if (module !== undefined && module.sizeBytes >= 8) {
    const place = placeAt(elf, elf.readPointer(module.address), 'module data');
    if (place !== undefined) yield place;
  }
  // Behind the magic number's first byte every header is the same: ff ff ff 00 00 quantum 08.
  const pattern = Buffer.from([0xff, 0xff, 0xff, 0, 0, quantumOf(elf.arch), 8]);
  for (const address of findBytes(elf, { pattern, segments: segmentsToScan(elf) })) {
    if ((address - 1) % 8 !== 0) continue;
    const place = placeAt(elf, address - 1, 'scan');
    if (place !== undefined && plausible(elf, place)) yield place;
  }
}

/** The likeliest place of the table; undefined when there is none: the program is not Go. */
export function locatePclntab(elf: ElfFile): PclntabPlace | undefined {
  for (const place of pclntabPlaces(elf)) return place;
  return undefined;
}
