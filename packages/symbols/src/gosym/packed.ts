/**
 * Programs whose code cannot be read from their file because a packer wrote it. What a reader
 * would get wrong: a packed Go program has no sections, no build information and no function
 * table, so it looks like any other program; UPX's own mark is what gives it away.
 */
import { type ElfFile, FormatError } from '../elf/index.js';

const MARK = Buffer.from('UPX!', 'latin1');
/** UPX writes its mark behind the program headers (l_info) and once more near the end. */
const HEAD_BYTES = 4096;
const TAIL_BYTES = 256;

/** Throws FormatError, with what to do, when the program was packed by UPX. */
export function refusePacked(elf: ElfFile): void {
  const { reader } = elf;
  const tail = Math.max(0, reader.size - TAIL_BYTES);
  const parts = [
    [0, Math.min(HEAD_BYTES, reader.size)],
    [tail, reader.size - tail],
  ] as const;
  const marks = parts.map(([start, length]) => {
    const at = Buffer.from(reader.read(start, length)).indexOf(MARK);
    return at < 0 ? undefined : start + at;
  });
  if (marks[0] === undefined || marks[1] === undefined) return;
  throw new FormatError(marks[0], 'the program is packed by UPX', undefined, {
    hint: 'unpack a copy with upx -d and read that one',
  });
}
