/**
 * Symbols by the dynamic segment alone, of libraries whose section headers are gone. What a reader
 * would get wrong: readelf needs section headers too, so the same file before that is the oracle.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { CSymbols } from '../symbolize/index.js';
import {
  bufferReader,
  type ElfFile,
  FormatError,
  neededLibraries,
  openElf,
  SHT_RELR,
} from './index.js';

const SOURCE = `
#include <stdlib.h>
int (*table[])(int);
int first(int a) { return a + 1; }
int second(int a) { return a + 2; }
static int hidden(int a) { return a * 3; }
int (*table[])(int) = { first, second, hidden };
void *take(void) { return malloc(17); }
`;

const folder = mkdtempSync(join(tmpdir(), 'sonde-dynamic-'));
t.teardown(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'lib.c'), SOURCE);

const COMPILERS = {
  x86_64: process.arch === 'x64' ? 'gcc' : 'x86_64-linux-gnu-gcc',
  arm64: process.arch === 'arm64' ? 'gcc' : 'aarch64-linux-gnu-gcc',
};
type Arch = keyof typeof COMPILERS;
const OWN: Arch = process.arch === 'arm64' ? 'arm64' : 'x86_64';

/** Compiles the library and returns its bytes, stripped of `.symtab`. */
function build(arch: Arch, name: string, ...flags: readonly string[]): Buffer {
  const path = join(folder, `${arch}-${name}`);
  execFileSync(COMPILERS[arch], [
    '-shared',
    '-fPIC',
    '-O1',
    '-s',
    '-o',
    path,
    join(folder, 'lib.c'),
    ...flags,
  ]);
  return readFileSync(path);
}

/** The same bytes with e_shoff, e_shnum and e_shstrndx zeroed, as sstrip leaves a file. */
function withoutSections(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeBigUInt64LE(0n, 40);
  copy.writeUInt32LE(0, 60);
  return copy;
}

const open = (bytes: Buffer): ElfFile => openElf(bufferReader(bytes));

// binutils packs relocations for x86_64 alone before 2.42; packed ones of arm64 are made by hand in
// the test of relocations.
for (const [arch, style, packed] of [
  ['x86_64', 'gnu', true],
  ['x86_64', 'sysv', true],
  ['x86_64', 'both', true],
  ['arm64', 'gnu', false],
  ['arm64', 'sysv', false],
  ['arm64', 'both', false],
] as const) {
  t.test(`${arch}, hash style ${style}: the same with and without section headers`, async t => {
    const pack = packed ? ['-Wl,-z,pack-relative-relocs'] : [];
    const bytes = build(arch, `${style}.so`, `-Wl,--hash-style=${style}`, ...pack);
    const [whole, bare] = [open(bytes), open(withoutSections(bytes))];
    t.same(bare.sections, []);
    t.equal(whole.arch, arch);
    t.notOk(whole.section('.symtab'));
    t.equal(whole.section('.hash') !== undefined, style !== 'gnu');
    t.equal(whole.section('.gnu.hash') !== undefined, style !== 'sysv');
    const relr = whole.sections.some(s => s.type === SHT_RELR);
    t.equal(relr, packed, 'relocations are packed');
    t.ok(whole.dynamicSymbols().length >= 4);
    t.same(bare.dynamicSymbols(), whole.dynamicSymbols());
    t.same(neededLibraries(bare), neededLibraries(whole));
    t.equal(bare.relocations().count, whole.relocations().count);
    t.ok(bare.relocations().count >= 3, 'the table of three functions is relocated');
    t.equal(bare.buildId, whole.buildId);
    const take = whole.dynamicSymbols().find(s => s.name === 'take')!;
    t.match(new CSymbols(bare).at(take.value + 1), { name: 'take', source: 'dynsym', offset: 1 });
  });
}

t.test('nothing exported: the first hashed symbol ends the table', async t => {
  const bytes = build(OWN, 'quiet.so', '-Wl,--hash-style=gnu', '-fvisibility=hidden');
  t.same(open(withoutSections(bytes)).dynamicSymbols(), open(bytes).dynamicSymbols());
});

t.test(
  'damaged dynamic segments and hash tables end in a FormatError, or in fewer names',
  async t => {
    const bytes = withoutSections(build(OWN, 'damage.so', '-Wl,--hash-style=gnu'));
    const segment = open(bytes).segments.find(s => s.type === 2)!;
    const outcomes = { refused: 0, answered: 0 };
    for (let at = segment.offset; at < segment.offset + segment.fileBytes; at += 4) {
      for (const value of [0, 0x7fffffff, 0xffffffff]) {
        const copy = Buffer.from(bytes);
        copy.writeUInt32LE(value, at);
        try {
          open(copy).dynamicSymbols();
          outcomes.answered++;
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
          outcomes.refused++;
        }
      }
    }
    t.ok(outcomes.refused > 0 && outcomes.answered > 0, JSON.stringify(outcomes));
  },
);
