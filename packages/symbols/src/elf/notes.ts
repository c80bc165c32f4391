/**
 * Notes and the build ID. What a reader would get wrong: Go writes its own build ID as a note of
 * owner `Go`; only the one of owner `GNU` identifies the file to other tools.
 */
import { viewOf } from './byte-reader.js';
import { NT_GNU_BUILD_ID, PT_NOTE, SHT_NOTE } from './constants.js';
import type { ElfImage } from './elf-image.js';

/** One note: `owner` without its NUL, `description` as raw bytes. */
export interface ElfNote {
  readonly owner: string;
  readonly type: number;
  readonly description: Uint8Array;
}

const NHDR_BYTES = 12;
const align4 = (n: number): number => (n + 3) & ~3;

function parseNotes(bytes: Uint8Array): ElfNote[] {
  const view = viewOf(bytes);
  const notes: ElfNote[] = [];
  for (let at = 0; at + NHDR_BYTES <= bytes.byteLength;) {
    const nameBytes = view.getUint32(at, true);
    const descriptionBytes = view.getUint32(at + 4, true);
    const name = at + NHDR_BYTES;
    const description = name + align4(nameBytes);
    if (description < name || description + descriptionBytes > bytes.byteLength) break;
    notes.push({
      owner: Buffer.from(bytes.subarray(name, name + nameBytes))
        .toString('latin1')
        .replace(/\0+$/, ''),
      type: view.getUint32(at + 8, true),
      description: bytes.subarray(description, description + descriptionBytes),
    });
    at = description + align4(descriptionBytes);
  }
  return notes;
}

/**
 * Every note of the file, from sections, or from segments where there are no sections: Go's
 * linker leaves the GNU note out of its PT_NOTE segment. A damaged note ends its table.
 */
export function readNotes(elf: ElfImage): ElfNote[] {
  const sections = elf.sections.filter(s => s.type === SHT_NOTE);
  if (sections.length > 0) return sections.flatMap(s => parseNotes(elf.sectionBytes(s)));
  return elf.segments
    .filter(s => s.type === PT_NOTE)
    .flatMap(s => parseNotes(elf.reader.read(s.offset, s.fileBytes)));
}

/** The GNU build ID among notes, in lower-case hexadecimal; undefined where there is none. */
export function readBuildId(notes: readonly ElfNote[]): string | undefined {
  const note = notes.find(n => n.owner === 'GNU' && n.type === NT_GNU_BUILD_ID);
  return note === undefined ? undefined : Buffer.from(note.description).toString('hex');
}
