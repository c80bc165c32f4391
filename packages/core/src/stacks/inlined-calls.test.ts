/**
 * Inlined C calls by the system's tools, of a real library. What a reader would get wrong: the
 * tools answer for what the debug information says, so the test compiles with `-g` and says by
 * `always_inline` what must be inlined.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bufferReader, CSymbols, type ElfFile, openElf } from '@sonde/symbols';
import t from 'tap';
import type { Module } from '../target/modules.js';
import { InlinedCalls, StackSymbolizer, type StackTarget } from './index.js';

const SOURCE = `void *malloc(unsigned long);
void *kept;
#define INLINE static inline __attribute__((always_inline))
INLINE void *innermost(int n) {
  return malloc(n * 3);
}
INLINE void *middle(int n) {
  return innermost(n + 1);
}
int outer(int n) __asm__("_ZN2ns5outerEi");
int outer(int n) {
  kept = middle(n);
  return 5;
}
`;

const folder = mkdtempSync(join(tmpdir(), 'sonde-inlined-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'libinlined.so');
writeFileSync(join(folder, 'inlined.c'), SOURCE);
execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-g', '-o', path, join(folder, 'inlined.c')]);
const stripped = join(folder, 'stripped.so');
execFileSync('strip', ['-o', stripped, path]);

const BIAS = 0x10000000n;

/** A target of one library, mapped at {@link BIAS}, and the return address of its malloc. */
function targetOf(file: string): { target: StackTarget; pc: bigint } {
  const open = (name: string): ElfFile => openElf(bufferReader(readFileSync(name)));
  const dump = execFileSync('objdump', ['-d', '--no-show-raw-insn', path], { encoding: 'utf8' });
  const after = /call.*<malloc@plt>\n\s*([0-9a-f]+):/.exec(dump.replaceAll(/\bbl\b/g, 'call'));
  const elf = open(file);
  const module: Module = {
    path: file,
    openPath: file,
    inode: 1,
    device: '00:01',
    bias: BIAS,
    ranges: [],
    executable: false,
    elf,
    buildId: elf.buildId,
  };
  const go = {} as StackTarget['go'];
  const target = { go, maps: () => [], moduleAt: () => module, refreshMaps: () => false };
  return { target, pc: BIAS + BigInt(`0x${after![1]}`) };
}

for (const tool of ['addr2line', 'llvm-addr2line']) {
  let missing: string | false = false;
  try {
    execFileSync(tool, ['--version']);
  } catch {
    missing = `${tool} is not installed here`;
  }
  // binutils comes with the compiler that built the library: only LLVM's may be absent.
  const skip = tool === 'addr2line' ? false : missing;
  t.test(`inlined calls by ${tool}, innermost first`, { skip }, async t => {
    const { target, pc } = targetOf(path);
    const stacks = new StackSymbolizer(target, { inlined: new InlinedCalls([tool]) });
    const frames = stacks.symbolize([pc]);
    t.match(frames, [
      { function: 'innermost', inlined: true, symbolSource: 'dwarf', line: 5, kind: 'c' },
      { function: 'middle', inlined: true, symbolSource: 'dwarf', line: 8 },
      { function: 'ns::outer(int)', symbol: '_ZN2ns5outerEi', inlined: false, line: 12 },
    ]);
    t.equal(frames[2]?.symbolSource, 'symtab');
    t.match(frames[0]?.file, /inlined\.c$/);
    t.same(stacks.notes(), []);
    t.equal(new StackSymbolizer(target).symbolize([pc]).length, 1, 'off unless asked for');
    const again = stacks.symbolize([pc - 1n, pc]);
    t.equal(
      again.at(-1)?.function,
      'ns::outer(int)',
      'the tool is asked once more, in what is left',
    );
    t.ok(again.length > 3);
  });
}

t.test('without debug information the symbol answers', async t => {
  const { target, pc } = targetOf(stripped);
  const stacks = new StackSymbolizer(target, { inlined: new InlinedCalls() });
  t.match(stacks.symbolize([pc]), [{ function: 'ns::outer(int)', symbolSource: 'dynsym' }]);
  t.ok(new CSymbols(target.moduleAt(pc)!.elf!).sources.includes('dynsym'));
});

t.test('a tool that lacks, or that never ends, is told once and costs no name', async t => {
  const { target, pc } = targetOf(path);
  const lacking = new StackSymbolizer(target, { inlined: new InlinedCalls(['no-such-tool']) });
  t.equal(lacking.symbolize([pc])[0]?.function, 'ns::outer(int)');
  lacking.symbolize([pc + 1n]);
  t.same(lacking.notes(), [
    'inlined C calls are not shown: no-such-tool does not run here; install binutils or llvm',
  ]);
  const endless = join(folder, 'endless');
  writeFileSync(endless, '#!/bin/sh\n[ "$1" = --version ] || exec sleep 1000\n', { mode: 0o755 });
  const slow = new StackSymbolizer(target, { inlined: new InlinedCalls([endless], 50) });
  t.equal(slow.symbolize([pc])[0]?.function, 'ns::outer(int)');
  t.match(slow.notes(), [/inlined C calls are not shown: .*endless took too long/]);
});
