/**
 * Programs whose code cannot be read from their file because a packer wrote it. What a reader
 * would get wrong: a packed Go program has no sections, no build information and no function
 * table, so it looks like any other program; UPX's own marks are what gives it away, and one
 * alone proves nothing, because programs that know UPX hold its name too.
 */
import { type ByteReader, FormatError } from '../elf/index.js';

const MARK = Buffer.from('UPX!', 'latin1');
/** UPX writes its mark behind the program headers (l_info) and once more near the end. */
const HEAD_BYTES = 4096;
const TAIL_BYTES = 256;

/** The refusal of a packed file, for callers that have words of their own around it. */
export interface PackedFile {
  /** File offset of the packer's first mark. */
  readonly offset: number;
  readonly what: string;
  readonly hint: string;
}

/** What packed a file; undefined when nothing that is known did. Costs two small reads. */
export function findPacker(reader: ByteReader): PackedFile | undefined {
  const head = Buffer.from(reader.read(0, Math.min(HEAD_BYTES, reader.size))).indexOf(MARK);
  if (head < 0) return undefined;
  // Behind the first mark, so that one mark of a short file is not taken for both.
  const tail = Math.max(head + MARK.length, reader.size - TAIL_BYTES);
  const last = Buffer.from(reader.read(tail, reader.size - tail)).indexOf(MARK);
  if (last < 0) return undefined;
  return {
    offset: head,
    what: 'the program is packed by UPX',
    hint: 'unpack a copy of it and read that one: upx -d -o COPY FILE',
  };
}

/** Throws FormatError, with what to do, when the file was packed. */
export function refusePacked(reader: ByteReader): void {
  const packed = findPacker(reader);
  if (packed === undefined) return;
  const { offset, what, hint } = packed;
  throw new FormatError(offset, what, undefined, { hint });
}
