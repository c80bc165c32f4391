/**
 * Places of probes, on hand-assembled bytes for each rule and against Go's own disassembler for
 * whole programs.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Arch, bufferReader, openElf } from '../elf/index.js';
import { openGoProgram } from '../gosym/index.js';
import { buildGoFixture, FIXTURE_RELEASES, goRoot, goTool } from '../testing/go-fixtures.js';
import { SELF_DESCRIBING } from '../testing/programs.js';
import { afterStackCheck, cEntry, findCalls, findReturns, openInstructionReader } from './index.js';

const BASE = 0x1000;
const f = (hex: string): { name: string; address: number; code: Uint8Array } => ({
  name: 'f',
  address: BASE,
  code: Buffer.from(hex.replaceAll(' ', ''), 'hex'),
});

t.test('x86-64: the kernel emulates branches, calls, jumps, pushes and nops', async t => {
  const reader = await openInstructionReader('x86_64');
  const classes = (hex: string): string[] =>
    reader.decode(f(hex).code, BASE).map(i => `${i.kind} ${i.costClass}`);
  t.same(classes('55 4154 e800000000 e900000000 eb00'), [
    'push emulated',
    'push emulated',
    'call emulated',
    'jump emulated',
    'jump emulated',
  ]);
  t.same(classes('7600 0f8600000000 90'), ['branch emulated', 'branch emulated', 'nop emulated']);
  t.same(classes('c3 ffd0 f30f1efa 0f1f440000 6a01'), [
    'return single-stepped',
    'call single-stepped',
    'other single-stepped',
    'nop single-stepped',
    'push single-stepped',
  ]);
});

t.test('x86-64: an instruction that the kernel refuses is refused here', async t => {
  const reader = await openInstructionReader('x86_64');
  for (const [hex, why] of [
    ['f0480fc10a c3', /lock prefix/],
    ['cc c3', /int3/],
    ['f4 c3', /privileged/],
    ['c5f877 c3', /VEX/],
    ['06 c3', /invalid/],
  ] as const) {
    t.throws(() => cEntry(reader, f(hex)), { name: 'FormatError', message: why }, hex);
  }
});

t.test('x86-64: entry behind the stack check of small, medium and huge frames', async t => {
  const reader = await openInstructionReader('x86_64');
  // cmp rsp,[r14+16]; jbe; push rbp
  t.match(afterStackCheck(reader, f('493b6610 7610 55 c3')), {
    address: BASE + 6,
    instruction: 'push rbp',
    costClass: 'emulated',
  });
  // lea r12,[rsp-0x80]; cmp r12,[r14+16]; jbe; push rbp
  t.equal(afterStackCheck(reader, f('4c8d642480 4d3b6610 7610 55 c3')).address, BASE + 11);
  // mov r12,rsp; sub r12,0x10000; jb; cmp r12,[r14+16]; jbe; push rbp
  const huge = '4989e4 4981ec00000100 7210 4d3b6610 7610 55 c3';
  t.equal(afterStackCheck(reader, f(huge)).address, BASE + 18);
  t.equal(afterStackCheck(reader, f('55 4889e5 c3')).address, BASE, 'nosplit: the entry');
});

t.test('x86-64: a C entry moves only over instructions that leave the call as it was', async t => {
  const reader = await openInstructionReader('x86_64');
  const at = (hex: string): number => cEntry(reader, f(hex)).address - BASE;
  t.equal(at('f30f1efa 55 c3'), 4, 'endbr64; push rbp');
  t.equal(at('4885ff 7401 c3 c3'), 3, 'test rdi,rdi; je');
  t.equal(at('4889f7 7401 c3 c3'), 0, 'mov rdi,rsi changes an argument');
  t.equal(at('4883ec08 55 c3'), 0, 'sub rsp moves the return address');
  t.equal(at('4885ff 55 ebfd c3'), 0, 'a jump back to the push would count twice');
});

t.test('arm64: kinds, targets and refusals', async t => {
  const reader = await openInstructionReader('arm64');
  const word = (hex: string): string => Buffer.from(hex, 'hex').reverse().toString('hex');
  const one = (hex: string): object => reader.decode(f(word(hex)).code, BASE)[0]!;
  t.match(one('d65f03c0'), { kind: 'return', costClass: 'emulated' }, 'ret');
  t.match(one('94000002'), { kind: 'call', costClass: 'emulated', target: BASE + 8 }, 'bl +8');
  t.match(one('97ffffff'), { kind: 'call', target: BASE - 4 }, 'bl -4');
  t.match(one('54000089'), { kind: 'branch', belowOrEqual: true, target: BASE + 16 }, 'b.ls');
  t.match(one('b4000040'), { kind: 'branch', costClass: 'emulated', target: BASE + 8 }, 'cbz x0');
  t.match(one('a9bc7bfd'), { kind: 'other', costClass: 'single-stepped' }, 'stp');
  t.match(one('58000040'), { refusal: 'load from a literal' }, 'ldr x0, literal');
  t.match(one('c85f7c20'), { refusal: 'exclusive load' }, 'ldxr');
  t.match(one('d4200000'), { refusal: 'exception instruction' }, 'brk');
  t.match(one('d503245f'), { landingPad: true }, 'bti c');
  t.notMatch(one('d503245f'), { refusal: /./ }, 'a landing pad can be probed');
});

/** Addresses of lines of `go tool objdump` whose instruction matches, by function. */
function objdump(release: string, binary: string, pattern: string): [string, number, string][] {
  const lines: [string, number, string][] = [];
  let name = '';
  for (const line of goTool(release, ['objdump', '-s', pattern, binary]).split('\n')) {
    const head = /^TEXT (.+)\(SB\)/.exec(line);
    if (head !== null) name = head[1]!;
    const match = /^\s+\S+\s+0x([0-9a-f]+)\s+[0-9a-f]+\s+(.*?)\s*$/.exec(line);
    if (match !== null) lines.push([name, Number.parseInt(match[1]!, 16), match[2]!]);
  }
  return lines;
}

const FUNCTIONS =
  '^runtime\\.(mallocgc|mallocgcLarge|\\(\\*mcache\\)\\.allocLarge|' +
  'mProf_Malloc|freeSpecial|gcSweep)$';

for (const release of FIXTURE_RELEASES) {
  const skip = goRoot(release) === undefined ? `${release} cannot be fetched here` : false;
  t.test(`${release}: returns and calls equal those of go tool objdump`, { skip }, async t => {
    for (const arch of ['x86_64', 'arm64'] as Arch[]) {
      const binary = buildGoFixture({ source: SELF_DESCRIBING, release, arch });
      const elf = openElf(bufferReader(readFileSync(binary)));
      const go = openGoProgram(elf);
      const reader = await openInstructionReader(arch);
      const lines = objdump(release, binary, FUNCTIONS);
      const names = [...new Set(lines.map(([name]) => name))];
      t.ok(names.length >= 5, `${arch}: objdump knows the functions`);
      for (const name of names) {
        const fn = go.pclntab.functionNamed(name)!;
        const code = elf.readVirtual(fn.entry, fn.end - fn.entry);
        const at = { name, address: fn.entry, code };
        const expected = lines.filter(([n, , text]) => n === name && /^RET/.test(text));
        const found = findReturns(reader, at).map(p => p.address);
        t.same(
          found,
          expected.map(([, address]) => address),
          `${arch} ${name}: returns`,
        );

        const callee = go.pclntab.functionsNamed('runtime.publicationBarrier').map(c => c.entry);
        const calls = lines.filter(
          ([n, , text]) => n === name && /^CALL runtime\.publicationBarrier\(SB\)/.test(text),
        );
        t.same(
          findCalls(reader, at, callee).map(p => p.address),
          calls.map(([, address]) => address),
          `${arch} ${name}: calls`,
        );
        const place = afterStackCheck(reader, at).address;
        const guard = lines.findLast(
          ([n, address, text]) => n === name && address < place && /^(JLS|JBE|BLS)/.test(text),
        );
        t.ok(guard !== undefined && place - guard[1] <= 6, `${arch} ${name}: behind the check`);
      }
    }
  });
}
