/** The payload of a bzImage is found through its setup header, whatever else looks like one. */
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { unpackBzImage } from './kernel.js';

/** Builds an image whose boot code holds a decoy magic number before the payload. */
function image(payload: Uint8Array): Uint8Array {
  const setupSectors = 4;
  const start = (setupSectors + 1) * 512;
  const bytes = Buffer.alloc(start + 64 + payload.length + 4);
  bytes.writeUInt8(setupSectors, 0x1f1);
  bytes.write('HdrS', 0x202);
  bytes.writeUInt32LE(64, 0x248);
  bytes.writeUInt32LE(payload.length + 4, 0x24c);
  bytes.set([0x1f, 0x8b, 0x08], start + 8);
  bytes.set(payload, start + 64);
  return bytes;
}

t.test('a gzip payload comes out whole', async t => {
  const elf = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), Buffer.alloc(5000, 7)]);
  t.strictSame(Buffer.from(await unpackBzImage(image(gzipSync(elf)))), elf);
});

t.test('what is no kernel is refused with what is wrong', async t => {
  await t.rejects(unpackBzImage(new Uint8Array(10)), { message: /no boot header/ });
  await t.rejects(unpackBzImage(image(Buffer.from('plain text'))), { message: /compression/ });
  await t.rejects(unpackBzImage(image(gzipSync('not ELF'))), { message: /not an ELF/ });
  const cut = image(gzipSync('\x7fELF')).subarray(0, 2600);
  await t.rejects(unpackBzImage(cut), { message: /beyond the file/ });
});
