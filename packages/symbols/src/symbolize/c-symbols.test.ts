/**
 * C names from every source, with binutils making the files: one program, stripped in each way.
 * What a reader would get wrong: the unstripped program's nm is the oracle for all of them.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { bufferReader, type ElfFile, openElf } from '../elf/index.js';
import { CSymbols } from './c-symbols.js';
import { Symbolizer } from './symbolizer.js';
import { decompressXz } from './xz.js';

const SOURCE = `
#include <stdlib.h>
__asm__(".text\\n.globl bare\\n.type bare,@function\\nbare: nop\\nnop\\nret\\n");
static int __attribute__((noinline)) hidden(int a) { return a * 3; }
int exported(int a) { return hidden(a) + 1; }
static int one(int a) { return a; }
static int (*resolve(void))(int) { return one; }
int chosen(int a) __attribute__((ifunc("resolve")));
__asm__(".symver exported,versioned@@VERS_1");
void *take(void) { return malloc(17); }
`;

const folder = mkdtempSync(join(tmpdir(), 'sonde-c-symbols-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
const open = (name: string): ElfFile => openElf(bufferReader(readFileSync(at(name))));

writeFileSync(at('lib.c'), SOURCE);
writeFileSync(at('lib.map'), 'VERS_1 { global: exported; versioned; take; chosen; };\n');
const link = ['-shared', '-fPIC', '-O1', `-Wl,--version-script=${at('lib.map')}`];
run('gcc', ...link, '-Wl,--build-id=0x11223344556677', '-o', at('full.so'), at('lib.c'));
run('strip', '--strip-all', '-o', at('stripped.so'), at('full.so'));
run('objcopy', '--only-keep-debug', at('full.so'), at('full.debug'));

/** Addresses by name, as nm prints them of the unstripped file. */
const NM = new Map(
  [...run('nm', at('full.so')).matchAll(/^([0-9a-f]+) [a-zA-Z] (\S+)$/gm)].map(
    ([, address, name]) => [name!.replace(/@.*/, ''), Number.parseInt(address!, 16)] as const,
  ),
);

t.test('a whole symbol table: private, bare, chosen and versioned functions', async t => {
  const symbols = new CSymbols(open('full.so'));
  for (const name of ['hidden', 'one', 'take']) {
    t.match(symbols.at(NM.get(name)!), { name, source: 'symtab', offset: 0 });
  }
  t.match(symbols.at(NM.get('bare')! + 1), { name: 'bare', offset: 1 }, 'it has no size');
  t.match(symbols.at(NM.get('chosen')!)?.name, /^(chosen|resolve)$/);
  t.match(symbols.at(NM.get('exported')!)?.name, /^(exported|versioned)$/, 'no version in it');
});

t.test('stripped: exported names remain, and no private function takes one', async t => {
  const symbols = new CSymbols(open('stripped.so'));
  t.match(symbols.at(NM.get('take')!), { name: 'take', source: 'dynsym' });
  t.equal(symbols.at(NM.get('hidden')!), undefined);
  const dump = run('objdump', '-d', '-j', '.plt.sec', '-j', '.plt', at('full.so'));
  const stub = /^([0-9a-f]+) <malloc@plt>:$/m.exec(dump)![1]!;
  t.match(symbols.at(Number.parseInt(stub, 16) + 4), { name: 'malloc@plt', source: 'plt' });
});

t.test('a debug file counts when its build ID is the same, the first root first', async t => {
  const path = 'usr/lib/debug/.build-id/11/223344556677.debug';
  for (const root of ['target', 'host'])
    mkdirSync(dirname(at(`${root}/${path}`)), { recursive: true });
  const roots = [at('target'), at('host')];
  const search = { roots, path: '/srv/stripped.so' };
  const find = () => new CSymbols(open('stripped.so'), search);
  t.same(find().refused, []);
  copyFileSync(at('full.debug'), at(`host/${path}`));
  t.match(find().at(NM.get('hidden')!), { name: 'hidden', source: 'build ID debug file' });
  run('gcc', ...link, '-Wl,--build-id=0x99', '-o', at('other.so'), at('lib.c'));
  copyFileSync(at('other.so'), at(`target/${path}`));
  const second = find();
  t.match(second.refused, [/target\/.*223344556677\.debug: its build ID is 99$/]);
  t.equal(second.at(NM.get('hidden')!)?.name, 'hidden', 'the host has the right one');
  const frames = new Symbolizer(open('stripped.so'), search.path, undefined, roots).frames(
    NM.get('hidden')!,
    5n,
  );
  t.match(frames, [{ function: 'hidden', symbolSource: 'build ID debug file', address: 5n }]);
  writeFileSync(at(`host/${path}`), 'not an ELF file at all, but long enough');
  t.match(find().refused, [/target/, /bad ELF magic/]);
});

t.test('a debug link counts when the checksum is the same', async t => {
  run('gcc', ...link, '-Wl,--build-id=none', '-o', at('plain.so'), at('lib.c'));
  run('objcopy', '--only-keep-debug', at('plain.so'), at('plain.debug'));
  run('strip', '--strip-all', at('plain.so'));
  run('objcopy', `--add-gnu-debuglink=${at('plain.debug')}`, at('plain.so'));
  const search = { roots: [at('link')], path: '/srv/plain.so' };
  const find = () => new CSymbols(open('plain.so'), search);
  mkdirSync(at('link/srv/.debug'), { recursive: true });
  copyFileSync(at('full.debug'), at('link/srv/.debug/plain.debug'));
  t.match(find().refused, [/its checksum is another/]);
  copyFileSync(at('plain.debug'), at('link/srv/.debug/plain.debug'));
  t.ok(find().sources.includes('debug link file'));
});

t.test('mini debug info is unpacked and read; damage is told and costs no other name', async t => {
  run('objcopy', '-S', '--keep-symbol=hidden', '--only-keep-debug', at('full.so'), at('mini'));
  run('xz', '-k', '-f', at('mini'));
  run('objcopy', `--add-section=.gnu_debugdata=${at('mini.xz')}`, at('stripped.so'), at('mini.so'));
  const symbols = new CSymbols(open('mini.so'));
  t.match(symbols.at(NM.get('hidden')!), { name: 'hidden', source: 'mini debug info' });
  t.match(symbols.at(NM.get('take')!), { name: 'take' });
  const cut = readFileSync(at('mini.xz')).subarray(0, 60);
  writeFileSync(at('cut.xz'), cut);
  run('objcopy', `--add-section=.gnu_debugdata=${at('cut.xz')}`, at('stripped.so'), at('cut.so'));
  const damaged = new CSymbols(open('cut.so'));
  t.match(damaged.refused, [/^debug symbols: xz: /]);
  t.equal(damaged.at(NM.get('take')!)?.name, 'take');
});

t.test('xz of every kind is unpacked as the xz command packs it', async t => {
  const bytes = Buffer.concat([readFileSync(at('full.so')), Buffer.alloc(100_000, 'abcdefg')]);
  writeFileSync(at('data'), bytes);
  for (const option of [
    '-0',
    '-9e',
    '--check=none',
    '--lzma2=lc=0,lp=2,pb=0',
    '--block-size=9999',
  ]) {
    const packed = execFileSync('xz', [option, '-T1', '-c', at('data')]);
    t.ok(bytes.equals(decompressXz(packed, 1 << 20)), option);
    t.throws(() => decompressXz(packed, 1000), { name: 'FormatError', what: /too much/ });
    t.throws(() => decompressXz(packed.subarray(0, packed.length >> 1), 1 << 20), {
      name: 'FormatError',
    });
  }
});
