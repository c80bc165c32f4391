/**
 * ELF reading on hand-made files, on real programs, and on damaged ones. Damage may be refused or
 * survived; it must never end in anything but a FormatError (or a refused Go release).
 */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { goBuildId, openGoProgram, readBuildInfo } from '../gosym/index.js';
import { CSymbols } from '../symbolize/index.js';
import { buildGoFixture } from '../testing/go-fixtures.js';
import { SELF_DESCRIBING } from '../testing/programs.js';
import { bufferReader, ET_DYN, ET_EXEC, openElf, openFileReader, readElfIdent } from './index.js';

const file = readFileSync(buildGoFixture({ source: SELF_DESCRIBING }));
const pie = readFileSync(buildGoFixture({ source: SELF_DESCRIBING, flags: ['-buildmode=pie'] }));

/** A small deterministic generator, so that a failing mutation can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

t.test('headers, sections and segments of a real program', async t => {
  const elf = openElf(bufferReader(file));
  t.equal(elf.type, ET_EXEC);
  t.equal(elf.arch, process.arch === 'arm64' ? 'arm64' : 'x86_64');
  const text = elf.section('.text')!;
  t.equal(elf.vaddrToOffset(text.address), text.offset);
  t.equal(elf.offsetToVaddr(text.offset), text.address);
  t.equal(elf.vaddrToOffset(1), undefined);
  t.equal(elf.segmentAt(elf.entry)?.type, 1);
  t.same(
    elf.readVirtual(text.address, 64),
    file.subarray(text.offset, text.offset + 64),
    'bytes by address are those of the file',
  );
  const main = elf.symbols().find(s => s.name === 'main.main')!;
  t.equal(new CSymbols(elf).at(main.value + 1)?.name, 'main.main');
  t.match(goBuildId(elf), /^[\w-]{20}\/[\w-]{20}\/[\w-]{20}\/[\w-]{20}$/);
});

t.test('relative relocations give a position-independent program its pointers', async t => {
  const elf = openElf(bufferReader(pie));
  t.equal(elf.type, ET_DYN);
  t.ok(elf.relocations().count > 1000);
  const [slot] = elf.relocations().slotsOf(elf.section('.text')!.address);
  t.equal(elf.readPointer(slot!), elf.section('.text')!.address);
});

t.test('build information', async t => {
  const info = readBuildInfo(openElf(bufferReader(pie)))!;
  t.match(info.goVersion, /^go1\./);
  t.equal(info.path, 'sonde.invalid/fixture');
  t.equal(info.settings.get('-buildmode'), 'pie');
  t.equal(info.settings.get('CGO_ENABLED'), '0');
});

t.test('a windowed file reader gives the same bytes as the buffer', async t => {
  const reader = openFileReader(buildGoFixture({ source: SELF_DESCRIBING }));
  t.equal(reader.size, file.length);
  const next = random(1);
  for (let i = 0; i < 200; i++) {
    const offset = next(file.length - 300_000);
    const length = next(i % 10 === 0 ? 300_000 : 3000);
    t.ok(Buffer.from(reader.read(offset, length)).equals(file.subarray(offset, offset + length)));
  }
  t.throws(() => reader.read(reader.size - 1, 2), { name: 'FormatError' });
  reader.close();
  t.throws(() => reader.read(0, 1), /reader is closed/);
});

t.test('what is no ELF64 little-endian program is refused with offset and value', async t => {
  const head = (patch: [number, number][]): Uint8Array => {
    const bytes = Buffer.from(file.subarray(0, 4096));
    for (const [at, value] of patch) bytes[at] = value;
    return bytes;
  };
  const refusal = (bytes: Uint8Array, expected: object): void => {
    t.throws(() => openElf(bufferReader(bytes)), { name: 'FormatError', ...expected });
  };
  refusal(Buffer.alloc(10), { what: 'ELF file too short', value: 10 });
  refusal(Buffer.alloc(100), { offset: 0, what: 'bad ELF magic', value: 0 });
  refusal(head([[4, 1]]), { offset: 4, what: 'not a 64-bit ELF', value: 1 });
  refusal(head([[5, 2]]), { offset: 5, what: 'not little-endian', value: 2 });
  refusal(head([[18, 3]]), { offset: 18, what: 'unknown machine', value: 3 });
  t.match(readElfIdent(bufferReader(head([[4, 1]]))), { class: 1 });
});

/** Everything that reads foreign bytes, on one file. */
function readEverything(bytes: Uint8Array): void {
  const elf = openElf(bufferReader(bytes));
  void elf.notes.length;
  new CSymbols(elf).at(elf.entry);
  const go = openGoProgram(elf);
  for (let i = 0; i < go.pclntab.count; i += 97) {
    const f = go.pclntab.functionByIndex(i);
    go.pclntab.framesAt(f.entry);
    go.pclntab.framesAt(f.end - 1);
  }
}

const EXPECTED_ERRORS = ['FormatError', 'UnknownReleaseError'];

/** Name of the error that reading ended with; empty when it did not. */
function outcome(bytes: Uint8Array): string {
  try {
    readEverything(bytes);
    return '';
  } catch (error) {
    if (error instanceof Error && EXPECTED_ERRORS.includes(error.name)) return error.name;
    throw error;
  }
}

t.test('a truncated program is refused', async t => {
  const next = random(2);
  const lengths = [0, 1, 19, 20, 63, 64, 65, 4096, file.length - 1];
  for (let i = 0; i < 40; i++) lengths.push(next(file.length));
  for (const length of lengths) {
    t.equal(outcome(file.subarray(0, length)), 'FormatError', `${length} bytes`);
  }
});

t.test('a damaged program is refused or read, never crashed on', async t => {
  const seed = randomInt(2 ** 31);
  t.comment(`seed ${seed}`);
  const next = random(seed);
  const elf = openElf(bufferReader(pie));
  const regions: [string, number, number][] = [
    ['ELF header', 0, 64],
    ['program headers', 64, 600],
    ['section headers', Number(pie.readBigUInt64LE(40)), 64 * elf.sections.length],
  ];
  for (const name of [
    '.gopclntab',
    '.data.rel.ro.gopclntab',
    '.go.buildinfo',
    '.rela',
    '.dynsym',
  ]) {
    const section = elf.section(name);
    // The head of a table is where its counts and offsets are.
    if (section) regions.push([name, section.offset, Math.min(section.sizeBytes, 4096)]);
  }
  const module = elf.symbols().find(s => s.name === 'runtime.firstmoduledata')!;
  regions.push(['module data', elf.vaddrToOffset(module.value)!, 400]);
  let refused = 0;
  for (let i = 0; i < 150; i++) {
    const [name, start, length] = regions[i % regions.length]!;
    const bytes = Uint8Array.from(pie);
    const flips: string[] = [];
    for (let n = 0; n <= i % 4; n++) {
      const at = start + next(length);
      const value = next(256);
      bytes[at] = value;
      flips.push(`${at}=${value}`);
    }
    try {
      if (outcome(bytes) !== '') refused++;
    } catch (error) {
      t.fail(`${name}: ${flips.join(' ')}: ${(error as Error).stack}`);
    }
  }
  t.ok(refused > 0, `${refused} of 150 mutations were refused`);
});
