/** Relative relocations packed and plain, with section headers and without. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { buildGoFixture } from '../testing/go-fixtures.js';
import { makeElf } from '../testing/handmade-elf.js';
import { hideSections } from '../testing/hidden-symbols.js';
import { SELF_DESCRIBING } from '../testing/programs.js';
import { bufferReader, type ElfFile, ET_DYN, openElf, PT_DYNAMIC, PT_LOAD } from './index.js';

const SHT_RELR = 19;
const DT_RELRSZ = 35n;
const DT_RELR = 36n;
const DATA = 0x10000;
const TABLE = 0x20000;
const DYNAMIC = 0x30000;
/** Slots by their number of words behind DATA: the first, then some of the 63 of two bitmaps. */
const SLOTS = [0, 1, 2, 31, 32, 63, 64, 100, 126, 200];

/** RELR words for SLOTS: an address, two bitmaps, another address. */
function words(): Buffer {
  const bitmap = (first: number): bigint =>
    SLOTS.filter(n => n >= first && n < first + 63).reduce(
      (bits, n) => bits | (1n << BigInt(n - first + 1)),
      1n,
    );
  const all = [BigInt(DATA), bitmap(1), bitmap(64), BigInt(DATA + 200 * 8)];
  const table = Buffer.alloc(all.length * 8);
  all.forEach((word, i) => table.writeBigUInt64LE(word, i * 8));
  return table;
}

/** A file whose slots hold 0x1000 and their own number. */
function packed(by: 'section' | 'dynamic segment', table = words()): ElfFile {
  const data = Buffer.alloc(256 * 8);
  for (let i = 0; i < 256; i++) data.writeBigUInt64LE(BigInt(0x1000 + i), i * 8);
  const dynamic = Buffer.alloc(48);
  [DT_RELR, BigInt(TABLE), DT_RELRSZ, BigInt(table.length), 0n, 0n].forEach((word, i) =>
    dynamic.writeBigUInt64LE(word, i * 8),
  );
  const load = (address: number, bytes: Buffer) => ({ type: PT_LOAD, flags: 6, address, bytes });
  const segments = [
    load(DATA, data),
    load(TABLE, table),
    { type: PT_DYNAMIC, flags: 6, address: DYNAMIC, bytes: dynamic },
  ];
  const section = { type: SHT_RELR, address: TABLE, sizeBytes: table.length };
  const sections = by === 'section' ? { sections: [section] } : {};
  return openElf(bufferReader(makeElf({ type: ET_DYN, segments, ...sections })));
}

for (const by of ['section', 'dynamic segment'] as const) {
  t.test(`packed relocations by ${by}`, async t => {
    const relocations = packed(by).relocations();
    t.equal(relocations.count, SLOTS.length);
    for (let n = 0; n < 256; n++) {
      const wanted = SLOTS.includes(n) ? 0x1000 + n : undefined;
      if (relocations.addendAt(DATA + n * 8) !== wanted) t.fail(`word ${n}`);
    }
    t.same(relocations.slotsOf(0x1000 + 63), [DATA + 63 * 8]);
    t.equal(packed(by).readPointer(DATA + 8), 0x1001);
  });
}

t.test('packed relocations that lead nowhere are no slots', async t => {
  const table = Buffer.alloc(16);
  table.writeBigUInt64LE(BigInt(DATA + 0x4000), 0);
  table.writeBigUInt64LE(2n ** 64n - 1n, 8);
  t.equal(packed('section', table).relocations().count, 0);
  table.writeBigUInt64LE(2n ** 63n, 0);
  t.throws(() => packed('section', table).relocations(), { name: 'FormatError' });
});

t.test('a program without section headers has the relocations of its dynamic segment', async t => {
  const flags = ['-buildmode=pie'];
  for (const arch of ['x86_64', 'arm64'] as const) {
    const file = readFileSync(buildGoFixture({ source: SELF_DESCRIBING, arch, flags }));
    const whole = openElf(bufferReader(file));
    const bare = openElf(bufferReader(hideSections(file)));
    t.ok(whole.relocations().count > 1000, arch);
    t.equal(bare.relocations().count, whole.relocations().count, arch);
    const text = whole.section('.text')!.address;
    t.same(bare.relocations().slotsOf(text), whole.relocations().slotsOf(text), arch);
  }
});
