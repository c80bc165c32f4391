/**
 * Stacks that a program copied of itself, unwound here, against the C library's own unwinder. What
 * a reader would get wrong: the copy may end before the thread's start does, and then the walk has
 * to say so instead of guessing.
 */
import t, { type Test } from 'tap';
import { type Arch, type ElfFile, openElf, openFileReader } from '../elf/index.js';
import { runSelfCopyingProgram, type SelfCopy } from '../testing/self-copying-program.js';
import { packRule, RULE_KIND } from './rule-word.js';
import { type StackCopy, unwindCopy, type Walk } from './stack-copy.js';
import type { UnwindRow } from './unwind-row.js';
import { UnwindTable } from './unwind-table.js';

const ARCH: Arch = process.arch === 'arm64' ? 'arm64' : 'x86_64';

interface Mapped {
  readonly start: number;
  readonly end: number;
  readonly bias: number;
  readonly table: UnwindTable;
}

/** The executable mappings of files, each with its table. */
function openMaps(test: Test, lines: readonly string[]): Mapped[] {
  const files = new Map<string, { elf: ElfFile; table: UnwindTable }>();
  return lines.flatMap(line => {
    const match = /^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) \S+ \d+ +(\/.*)$/.exec(line);
    if (match === null) return [];
    const [start, end, offset] = match.slice(1, 4).map(text => parseInt(text, 16));
    const path = match[4]!;
    let file = files.get(path);
    if (file === undefined) {
      const reader = openFileReader(path);
      test.teardown(() => reader.close());
      const elf = openElf(reader);
      file = { elf, table: new UnwindTable(elf) };
      files.set(path, file);
    }
    const segment = file.elf.segments.find(s => s.type === 1 && (s.flags & 1) !== 0)!;
    const bias = start! - offset! + segment.offset - segment.address;
    return [{ start: start!, end: end!, bias, table: file.table }];
  });
}

type RowAt = (address: number, exact: boolean) => UnwindRow | undefined;

function rowReader(maps: readonly Mapped[]): RowAt {
  return (address, exact) => {
    const lookup = exact ? address : address - 1;
    const mapped = maps.find(m => lookup >= m.start && lookup < m.end);
    return mapped?.table.rowAt(lookup - mapped.bias);
  };
}

function stackCopy(copy: SelfCopy): StackCopy {
  const registers = Float64Array.from(copy.registers, text => Number(BigInt(`0x${text}`)));
  const bytes = Buffer.from(copy.copy, 'hex');
  return { registers, pc: copy.pc, exact: true, address: copy.sp, bytes };
}

const walk = (copy: StackCopy, rowAt: RowAt): Walk =>
  unwindCopy(ARCH, copy, { rowAt, stopAt: () => false, framesMax: 64 });

const NAMES = ['qsort callback', 'alloca', 'deep', 'realigned', 'signal', 'thread'];

for (const flags of [[], ['-static'], ['-O1', '-fPIE', '-pie']]) {
  t.test(`stacks of a program built with ${flags.join(' ') || 'no flags'}`, async test => {
    const { copies, maps } = runSelfCopyingProgram(test.testdir(), flags);
    const rowAt = rowReader(openMaps(test, maps));
    test.same(
      copies.map(copy => copy.name),
      NAMES,
    );
    for (const copy of copies) {
      const found = walk(stackCopy(copy), rowAt);
      const wanted = copy.frames;
      const whole = found.end.kind === 'start';
      const ending = JSON.stringify(found.end);
      test.same(found.addresses.slice(0, wanted.length), wanted, `${copy.name}: ${ending}`);
      test.ok(whole, `${copy.name} ends at the thread's start: ${ending}`);
    }
  });
}

t.test('a copy that is too short ends the walk, with the reason', async test => {
  const { copies, maps } = runSelfCopyingProgram(test.testdir(), []);
  const rowAt = rowReader(openMaps(test, maps));
  const deep = copies.find(copy => copy.name === 'deep')!;
  const whole = walk(stackCopy(deep), rowAt);
  const { bytes, ...copy } = stackCopy(deep);
  const dumpFrame = rowAt(deep.pc, true)!;
  test.equal(dumpFrame.cfa.kind, 'register');
  const kept = dumpFrame.cfa.kind === 'register' ? dumpFrame.cfa.offset + 100 : 0;
  const short = walk({ ...copy, bytes: bytes.subarray(0, kept) }, rowAt);
  test.equal(short.end.kind, 'truncated');
  test.match(short.end.reason, /beyond what was copied/);
  test.ok(short.addresses.length > 1);
  test.same(short.addresses, whole.addresses.slice(0, short.addresses.length));
});

t.test('packed rules lead to the same callers', async test => {
  const { copies, maps } = runSelfCopyingProgram(test.testdir(), []);
  const rowAt = rowReader(openMaps(test, maps));
  const kinds = new Map<number, number>();
  for (const copy of copies) {
    for (const address of copy.frames) {
      const row = rowAt(address, false);
      if (row === undefined) continue;
      const kind = Number(packRule(ARCH, row, false) & 7n);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
  }
  test.ok((kinds.get(RULE_KIND.stack) ?? 0) > 20, 'most callers are found from the stack pointer');
  test.ok((kinds.get(RULE_KIND.start) ?? 0) > 0, 'threads start where the address is undefined');
});
