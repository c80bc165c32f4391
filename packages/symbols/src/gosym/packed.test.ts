/** Packed programs are refused by name; programs that only mention the packer are not. */
import t from 'tap';
import { bufferReader, ET_EXEC, openElf, PT_LOAD } from '../elf/index.js';
import { makeElf } from '../testing/handmade-elf.js';
import { openGoProgram } from './go-program.js';
import { findPacker } from './packed.js';

/** What UPX leaves: two segments, no sections, its mark behind the headers and near the end. */
function packedLike(marks: readonly ('head' | 'tail')[]): Buffer {
  const loader = { type: PT_LOAD, flags: 5, address: 0x400000, bytes: Buffer.alloc(8192, 0x90) };
  const space = { type: PT_LOAD, flags: 6, address: 0x800000, bytes: Buffer.alloc(4096) };
  const file = makeElf({ type: ET_EXEC, segments: [loader, space] });
  // l_info stands behind the two program headers: a checksum, then the mark.
  if (marks.includes('head')) file.write('UPX!', 64 + 2 * 56 + 4, 'latin1');
  if (marks.includes('tail')) file.write('UPX!', file.length - 36, 'latin1');
  return file;
}

t.test('a packed program is refused with what to do', async t => {
  const elf = openElf(bufferReader(packedLike(['head', 'tail'])));
  t.equal(elf.sections.length, 0);
  t.throws(() => openGoProgram(elf), {
    name: 'FormatError',
    message: /packed by UPX/,
    hint: /upx -d/,
    offset: 180,
  });
});

t.test('one mark alone is no packer', async t => {
  for (const marks of [[], ['head'], ['tail']] as const) {
    const file = packedLike(marks);
    t.equal(findPacker(bufferReader(file)), undefined, marks.join());
    t.throws(() => openGoProgram(openElf(bufferReader(file))), /not a Go program/);
  }
  t.equal(findPacker(bufferReader(Buffer.from('UPX!'))), undefined, 'four bytes');
  t.equal(findPacker(bufferReader(Buffer.alloc(0))), undefined, 'no bytes');
});
