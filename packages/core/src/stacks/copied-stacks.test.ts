/**
 * Records of copied stacks, made from what a C program copied of itself: the frames, the id that
 * BPF would give, and rules by which BPF could have walked. What a reader would get wrong: the id
 * is compared with a walk by the installed rules alone, as the kernel does it.
 */
import { type Arch, openElf, openFileReader } from '@sonde/symbols';
import { runSelfCopyingProgram, type SelfCopy } from '@sonde/symbols/testing';
import t, { type Test } from 'tap';
import { SONDE_STACK_COPY } from '../schema/index.js';
import type { MapEntry } from '../target/index.js';
import { CodeRules, type CodeSource } from './code-rules.js';
import { CopiedStacks, PROVISIONAL } from './copied-stacks.js';
import { RULE_TABLE_BYTES, RuleTable } from './rule-table.js';
import { StackHash } from './stack-hash.js';

const ARCH: Arch = process.arch === 'arm64' ? 'arm64' : 'x86_64';

/** The mapped files of a program that has ended. */
function codeOf(test: Test, maps: readonly string[]): CodeSource {
  const modules = maps.flatMap(line => {
    const match = /^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) \S+ \d+ +(\/.*)$/.exec(line);
    if (match === null) return [];
    const [start, end, offset] = match.slice(1, 4).map(text => BigInt(`0x${text}`));
    const reader = openFileReader(match[4]!);
    test.teardown(() => reader.close());
    const elf = openElf(reader);
    const segment = elf.segments.find(s => s.type === 1 && (s.flags & 1) !== 0)!;
    const bias = start! - offset! + BigInt(segment.offset - segment.address);
    return [{ start: start!, end: end!, elf, bias }];
  });
  return {
    moduleAt: address => modules.find(m => address >= m.start && address < m.end),
    maps: (): readonly MapEntry[] => [],
    readMemory: () => new Uint8Array(0),
  };
}

/** A record as BPF sends it, of an exact place. */
function record(copy: SelfCopy, id: bigint, next: bigint): DataView {
  const bytes = Buffer.from(copy.copy, 'hex');
  const buffer = new Uint8Array(SONDE_STACK_COPY.sizeBytes + bytes.byteLength);
  const view = new DataView(buffer.buffer);
  const put = (name: string, value: bigint, index = 0): void => {
    const field = SONDE_STACK_COPY.fields.find(each => each.name === name)!;
    view.setBigUint64(field.offsetBytes + 8 * index, value, true);
  };
  put('id', id);
  put('missing', BigInt(copy.pc) | PROVISIONAL);
  put('goStack', next);
  put('pc', BigInt(copy.pc));
  put('stackPointer', BigInt(copy.sp));
  put('lengthBytes', BigInt(bytes.byteLength));
  copy.registers.forEach((text, i) => put('registers', BigInt(`0x${text}`), i));
  buffer.set(bytes, SONDE_STACK_COPY.sizeBytes);
  return view;
}

t.test('frames, id and rules of copied stacks', async test => {
  const { copies, maps } = runSelfCopyingProgram(test.testdir(), []);
  const table = new RuleTable(new ArrayBuffer(RULE_TABLE_BYTES));
  const rules = new CodeRules(ARCH, codeOf(test, maps));
  const stacks = new CopiedStacks(ARCH, rules, table, () => false);
  const next = 77n;
  copies.forEach((copy, i) => {
    const view = record(copy, PROVISIONAL | BigInt(i + 1), next);
    if (i % 2 === 0) stacks.foresee(view, 0, view.byteLength);
    stacks.accept(view, 0, view.byteLength);
  });
  for (const [i, copy] of copies.entries()) {
    const id = PROVISIONAL | BigInt(i + 1);
    const stack = stacks.stack(id)!;
    test.same(stack.pcs.slice(1), copy.frames.map(BigInt), `${copy.name}: callers`);
    test.equal(stack.pcs[0], BigInt(copy.pc) + 1n, 'an exact address stands one higher');
    test.equal(stack.next, next);
    test.equal(stack.truncated, undefined);
    const hash = new StackHash(next);
    for (const pc of stack.pcs) hash.mix(Number(pc));
    const canonical = hash.value & ~PROVISIONAL;
    test.equal(stacks.canonical(id), canonical);
    test.same(stacks.stack(canonical), stack, 'known under both ids');
  }
  test.equal(stacks.counts.copies, copies.length);
  test.ok(stacks.counts.rules > 15, `${stacks.counts.rules} rules`);
  test.equal(stacks.counts.rulesLeftOut, 0);
  stacks.forgetRules();
  test.equal(stacks.counts.rules, 0);
  test.ok(stacks.stack(PROVISIONAL | 1n), 'stacks are kept when rules are forgotten');
});

t.test('a copy is foreseen once, and only while the rule that it misses is unknown', async test => {
  const { copies, maps } = runSelfCopyingProgram(test.testdir(), []);
  const table = new RuleTable(new ArrayBuffer(RULE_TABLE_BYTES));
  const stacks = new CopiedStacks(
    ARCH,
    new CodeRules(ARCH, codeOf(test, maps)),
    table,
    () => false,
  );
  const [first, other] = [copies[0]!, copies[1]!];
  const view = record(first, PROVISIONAL | 1n, 0n);
  stacks.foresee(view, 0, view.byteLength);
  const { rules } = stacks.counts;
  test.ok(rules > 0, 'rules are there before the record is read');
  test.equal(stacks.counts.copies, 0);
  const later = record(other, PROVISIONAL | 2n, 0n);
  const field = SONDE_STACK_COPY.fields.find(each => each.name === 'missing')!;
  later.setBigUint64(field.offsetBytes, BigInt(first.pc) | PROVISIONAL, true);
  stacks.foresee(later, 0, later.byteLength);
  test.equal(stacks.stack(PROVISIONAL | 2n), undefined, 'its address has a rule: it has time');
  stacks.accept(later, 0, later.byteLength);
  test.same(stacks.stack(PROVISIONAL | 2n)!.pcs.slice(1), other.frames.map(BigInt));
  test.ok(stacks.counts.rules > rules, 'its frames have rules once it is unwound');
  stacks.forgetRules();
  test.equal(stacks.counts.rules, 0);
  const again = record(first, PROVISIONAL | 3n, 0n);
  stacks.foresee(again, 0, again.byteLength);
  test.equal(stacks.counts.rules, rules, 'what was forgotten is unknown again');
});

t.test('a stack in code that nothing describes is kept as far as it is known', async test => {
  const { copies } = runSelfCopyingProgram(test.testdir(), []);
  const nothing: CodeSource = {
    moduleAt: () => undefined,
    maps: () => [],
    readMemory: () => new Uint8Array(0),
  };
  const table = new RuleTable(new ArrayBuffer(RULE_TABLE_BYTES));
  const stacks = new CopiedStacks(ARCH, new CodeRules(ARCH, nothing), table, () => false);
  const view = record(copies[0]!, PROVISIONAL | 5n, 0n);
  stacks.accept(view, 0, view.byteLength);
  const stack = stacks.stack(PROVISIONAL | 5n)!;
  test.same(stack.pcs, [BigInt(copies[0]!.pc) + 1n]);
  test.match(stack.truncated, /no unwind data at 0x/);
});

t.test('ids and stacks beyond the limit are forgotten, oldest first, and counted', async test => {
  const { copies, maps } = runSelfCopyingProgram(test.testdir(), []);
  const table = new RuleTable(new ArrayBuffer(RULE_TABLE_BYTES));
  const rules = new CodeRules(ARCH, codeOf(test, maps));
  const limits = { idsMax: 4, stacksMax: 2 };
  const stacks = new CopiedStacks(ARCH, rules, table, () => false, limits);
  const take = (copy: SelfCopy, number: bigint): void => {
    const view = record(copy, PROVISIONAL | number, 0n);
    stacks.accept(view, 0, view.byteLength);
  };
  const [first, second, third] = [copies[0]!, copies[1]!, copies[2]!];
  for (let number = 1n; number <= 4n; number++) take(first, number);
  test.equal(stacks.stack(PROVISIONAL | 1n), stacks.stack(PROVISIONAL | 4n), 'one object for all');
  test.equal(stacks.counts.idsForgotten, 0);
  take(second, 5n);
  test.equal(stacks.stack(PROVISIONAL | 1n), undefined, 'the oldest id is gone');
  test.equal(stacks.counts.idsForgotten, 1);
  const oldest = stacks.canonical(PROVISIONAL | 4n);
  take(third, 6n);
  test.equal(stacks.counts.idsForgotten, 3, 'another id, and the oldest stack under its own');
  test.ok(stacks.stack(PROVISIONAL | 4n), 'an id that is kept still leads to its stack');
  test.equal(stacks.stack(oldest), undefined);
  test.ok(stacks.stack(stacks.canonical(PROVISIONAL | 6n)), 'the newest is known under both');
});
