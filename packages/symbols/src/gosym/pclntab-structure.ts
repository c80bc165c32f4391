/**
 * Whether bytes are the function records of a layout, judged without a magic number. What a
 * reader would get wrong: one record fits by chance in any bytes; a dozen of them do not.
 */
import { type ElfFile, FormatError, viewOf } from '../elf/index.js';
import type { PclntabHeader, PclntabPlace } from './pclntab-header.js';

const SAMPLES = 12;
/** No release has more kinds of pc-value tables or function data than this. */
const KINDS_MAX = 16;

/** True when records spread over the table hold offsets that a linker could have written. */
export function recordsFit(elf: ElfFile, place: PclntabPlace, header: PclntabHeader): boolean {
  const { func, entryBytes } = header.layout;
  const read = (offset: number, length: number): DataView =>
    viewOf(elf.reader.read(place.offset + offset, length));
  const step = Math.max(1, Math.floor(header.functions / SAMPLES));
  try {
    for (let index = 0; index < header.functions; index += step) {
      const entry = read(header.functab + index * 2 * entryBytes, 2 * entryBytes);
      const record = header.records.start + entry.getUint32(entryBytes, true);
      const view = read(record, func.end);
      const field = (at: number): number => view.getUint32(at, true);
      const pcTables = header.pcTables.end - header.pcTables.start;
      if (field(func.pcfile) >= pcTables || field(func.pcln) >= pcTables) return false;
      if (field(func.npcdata) > KINDS_MAX || view.getUint8(func.nfuncdata) > KINDS_MAX) {
        return false;
      }
      // The word before the kinds is a line or a small offset, unless it is of a shorter record.
      if (field(func.end - 8) >= 1 << 24) return false;
      const name = header.names.start + field(func.name);
      if (name <= header.names.start || name >= header.names.end) continue;
      // A name begins behind the NUL of the one before it.
      if (read(name - 1, 1).getUint8(0) !== 0) return false;
    }
    return true;
  } catch (error) {
    // An offset that leaves the file was not written by a linker.
    if (error instanceof FormatError) return false;
    throw error;
  }
}
