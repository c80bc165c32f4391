/**
 * Call frame information that somebody wrote to do harm, a case each: a lookup answers within the
 * work that is allowed, or refuses with place, what and value. What a reader would get wrong: work
 * is counted, in instructions and bytes; nothing here looks at a clock.
 */
import t, { type Test } from 'tap';
import { bufferReader, FormatError, openElf } from '../elf/index.js';
import {
  HANDMADE,
  type HandmadeCommon,
  type HandmadeFrames,
  makeFramesElf,
  uleb,
} from '../testing/handmade-frames.js';
import { evaluate } from './expression.js';
import { ROW_WORK_MAX } from './row-program.js';
import { packRule, RULE_KIND } from './rule-word.js';
import { unwindCopy } from './stack-copy.js';
import { UnwindTable } from './unwind-table.js';

const INSIDE = HANDMADE.code + 100;
const NOP = 0x00;
const ADVANCE_LOC1 = 0x02;
const UNDEFINED = 0x07;
const REMEMBER = 0x0a;
const RESTORE = 0x0b;
const DEF_CFA_OFFSET = 0x0e;
const DEF_CFA_SF = 0x12;

/** A table of handmade entries, and what was read of its file. */
function open(frames: HandmadeFrames): { table: UnwindTable; read: { bytes: number } } {
  const bytes = bufferReader(makeFramesElf(frames));
  const read = { bytes: 0 };
  const elf = openElf({
    size: bytes.size,
    read: (offset, length) => {
      read.bytes += length;
      return bytes.read(offset, length);
    },
  });
  return { table: new UnwindTable(elf), read };
}

interface Refusal {
  readonly what: RegExp;
  readonly value?: unknown;
  /** Where: within the entries unless said otherwise. */
  readonly at?: 'header' | 'anywhere';
}

function refuses(test: Test, name: string, frames: HandmadeFrames, wanted: Refusal): void {
  const { table } = open(frames);
  try {
    table.rowAt(INSIDE);
    test.fail(`${name}: there is an answer`);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    test.match(error.what, wanted.what, name);
    if ('value' in wanted) test.same(error.value, wanted.value, `${name}: the value`);
    const start = HANDMADE[wanted.at === 'header' ? 'header' : 'frames'];
    const near = error.offset >= start && error.offset < start + (1 << 22);
    test.ok(wanted.at === 'anywhere' || near, `${name}: at 0x${error.offset.toString(16)}`);
    test.ok(table.work.units <= ROW_WORK_MAX + 256, `${name}: ${table.work.units} units`);
  }
}

const program = (instructions: readonly number[]): HandmadeFrames => ({
  functions: [{ instructions }],
});
const run = (...instructions: number[]): HandmadeFrames => program(instructions);
const common = (parts: HandmadeCommon): HandmadeFrames => ({ common: parts });
const repeat = (count: number, ...bytes: number[]): number[] =>
  Array.from({ length: count * bytes.length }, (_, i) => bytes[i % bytes.length]!);
const registers = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => [UNDEFINED, ...uleb(i)]).flat();

t.test('entries as gcc writes them are answered', async test => {
  const { table } = open(run(ADVANCE_LOC1, 50, DEF_CFA_OFFSET, 32));
  test.match(table.rowAt(HANDMADE.code), { cfa: { kind: 'register', register: 7, offset: 8 } });
  test.match(table.rowAt(INSIDE), { cfa: { kind: 'register', register: 7, offset: 32 } });
  test.equal(table.rowAt(HANDMADE.code + HANDMADE.functionBytes), undefined);
  test.ok(table.work.units < 20);
});

t.test('programs without an end in sight', async test => {
  const cycle = [...registers(200), ...repeat(100_000, REMEMBER, RESTORE)];
  const tooMuch = { what: /more work than allowed/, value: ROW_WORK_MAX };
  refuses(test, 'rows remembered and restored for ever', program(cycle), tooMuch);
  const deep = { what: /too many remembered rows/, value: 64 };
  refuses(test, 'rows remembered within each other', run(...repeat(65, REMEMBER)), deep);
  const none = { what: /no remembered row/, value: RESTORE };
  refuses(test, 'a row restored that was not remembered', run(RESTORE), none);
  const { table } = open({ functions: [{ instructions: repeat(900_000, NOP) }] });
  test.ok(table.rowAt(INSIDE));
  test.ok(table.work.units < 900_000 + 20, 'a long program costs one unit for each byte');
  const still = common({ codeFactor: [0], instructions: [0x0c, 7, 8, 0x90, 1] });
  const stuck = open({ ...still, functions: [{ instructions: repeat(1000, 0x41) }] });
  test.ok(stuck.table.rowAt(INSIDE), 'locations that do not advance end with the bytes');
});

t.test('numbers that are too large', async test => {
  const long = { what: /LEB128 number is too long/, value: '10 bytes' };
  refuses(test, 'LEB128 of 100 bytes', run(DEF_CFA_OFFSET, ...repeat(99, 0x80), 1), long);
  refuses(test, 'LEB128 of 100 bytes in a CIE', common({ codeFactor: repeat(100, 0xff) }), long);
  refuses(test, 'register', run(UNDEFINED, ...uleb(256)), { what: /register/, value: 256 });
  const expression = run(0x0f, ...uleb(1n << 60n));
  refuses(test, 'expression', expression, { what: /ends early/, value: 2 ** 60 });
  const { table } = open(run(DEF_CFA_OFFSET, ...uleb(1n << 60n)));
  const row = table.rowAt(INSIDE)!;
  test.equal(Number(packRule('x86_64', row, false) & 7n), RULE_KIND.user, 'no rule for the kernel');
});

t.test('locations that go backwards', async test => {
  const back = run(0x01, ...repeat(4, 0));
  const target = HANDMADE.frames - 1;
  const { table } = open({ functions: [{ instructions: [0x01, 0, 0, 0, 0x80] }] });
  test.throws(() => table.rowAt(INSIDE), /location goes backwards/);
  test.ok(open(back).table.rowAt(INSIDE), 'far ahead is behind the function');
  test.ok(target > INSIDE);
});

t.test('entries that are cut off or lead nowhere', async test => {
  const length = { what: /implausible length/ };
  for (const value of [1, 3, 0xffffffff, 0x7fffffff, (1 << 20) + 1]) {
    refuses(
      test,
      `FDE of ${value} bytes`,
      { functions: [{ length: value }] },
      { ...length, value },
    );
  }
  refuses(test, 'CIE of 5000 bytes', common({ length: 5000 }), { ...length, value: 5000 });
  const cut = { what: /ends early|without an end/ };
  for (const bytes of [5, 6, 7, 8, 9, 10, 11]) {
    refuses(test, `CIE of ${bytes} bytes`, common({ length: bytes }), cut);
  }
  for (const bytes of [4, 5, 8, 11]) {
    refuses(test, `FDE of ${bytes} bytes`, { functions: [{ length: bytes }] }, cut);
  }
  const outside = { what: /no file-backed segment/, at: 'anywhere' } as const;
  refuses(test, 'beyond the file', { functions: [{ length: 1 << 19 }] }, outside);
  const noCommon = { what: /without a CIE/ };
  refuses(test, 'its own CIE', { functions: [{ distance: 4 }] }, noCommon);
  refuses(test, 'a CIE before the file', { functions: [{ distance: 0x7fffffff }] }, outside);
  refuses(
    test,
    'a CIE instead of it',
    { functions: [{ distance: 0 }] },
    { what: /no frame descr/ },
  );
});

t.test('augmentations that are unknown', async test => {
  for (const augmentation of ['eh', 'R', 'zX', 'zXR', 'zRX', 'zPLRQ']) {
    const wanted = { what: /unsupported augmentation/, value: augmentation };
    const data = [9, ...repeat(9, 0x1b)];
    refuses(test, augmentation, common({ augmentation, data }), wanted);
  }
  for (const augmentation of ['zRB', 'zRS', 'zRG']) {
    test.ok(open(common({ augmentation })).table.rowAt(INSIDE), augmentation);
  }
  refuses(test, 'data that is cut', common({ data: [90, 0x1b] }), {
    what: /ends early/,
    value: 90,
  });
  refuses(test, 'R without data', common({ data: [0] }), { what: /ends early/, value: 1 });
});

t.test('pointers encoded in ways that a file cannot answer', async test => {
  const encodings = { what: /encoding of functions/ };
  for (const value of [0xff, 0x9b, 0x80]) {
    refuses(test, `R ${value}`, common({ data: [1, value] }), { ...encodings, value });
  }
  for (const value of [0x2b, 0x4b]) {
    refuses(test, `R ${value}`, common({ data: [1, value] }), { what: /base of a/, value });
  }
  for (const value of [0x1d, 0x1f]) {
    refuses(test, `R ${value}`, common({ data: [1, value] }), { what: /pointer encoding/, value });
  }
  refuses(test, 'aligned in four bytes', common({ data: [1, 0x5b] }), {
    what: /aligned/,
    value: 0x5b,
  });
  // The personality's pointer is of no use here, however it is encoded: 0x9b is gcc's own.
  const start = HANDMADE.frames + 4 + 4 + 1 + 4 + 1 + 1 + 1 + 2;
  const pad = (8 - (start % 8)) % 8;
  for (const [name, pointer] of [
    ['indirect', [0x9b, 1, 2, 3, 4]],
    ['relative to text', [0x2b, 1, 2, 3, 4]],
    ['not there', [0xff]],
    ['aligned', [0x50, ...repeat(pad + 8, 7)]],
  ] as const) {
    const data = [...pointer, 0x1b];
    const parts = { augmentation: 'zPR', data: [data.length, ...data] };
    test.ok(open(common(parts)).table.rowAt(INSIDE), name);
  }
});

t.test('search tables that lie', async test => {
  const header = { at: 'header' } as const;
  const version = { ...header, what: /unknown version/, value: 2 };
  refuses(test, 'of another version', { encodings: [2, 0x1b, 3, 0x3b] }, version);
  const room = { ...header, what: /no room for its count/ };
  refuses(test, 'with a huge count', { count: 1 << 30 }, { ...room, value: 1 << 30 });
  const signed = { encodings: [1, 0x1b, 0x0b, 0x3b], count: -1 };
  refuses(test, 'with a negative count', signed, { ...room, value: -1 });
  const into = (entryPlace: number): HandmadeFrames => ({ entryPlace });
  refuses(test, 'that lead to a CIE', into(HANDMADE.frames - HANDMADE.header), {
    what: /no frame description entry/,
  });
  refuses(test, 'that lead out of the file', into(-HANDMADE.header - 99), {
    what: /no file-backed segment/,
    at: 'anywhere',
  });
  const first = HANDMADE.frames - HANDMADE.header + 22;
  const { table } = open({ functions: [{}, {}, {}], entryPlace: first });
  test.equal(
    table.rowAt(INSIDE + 2 * HANDMADE.functionBytes),
    undefined,
    'nor is another believed',
  );
});

t.test('a damaged file is read once, however often it is asked', async test => {
  const { table, read } = open({ count: 1 << 30 });
  test.throws(() => table.rowAt(INSIDE), FormatError);
  const before = read.bytes;
  for (let i = 0; i < 100; i++) test.throws(() => table.rowAt(INSIDE + i), /its count/);
  test.equal(read.bytes, before);
});

t.test('a walk whose frames do not lead outwards is cut, with the reason', async test => {
  const bytes = Buffer.alloc(4096);
  for (let at = 0; at < bytes.length; at += 8) bytes.writeBigUInt64LE(BigInt(INSIDE), at);
  const walk = (instructions: number[]) => {
    const { table } = open(run(...instructions));
    const stack = { registers: new Float64Array(17).fill(0x7800), address: 0x7000, bytes };
    return unwindCopy(
      'x86_64',
      { ...stack, pc: INSIDE, exact: false },
      {
        rowAt: address => table.rowAt(address),
        stopAt: () => false,
        framesMax: 64,
      },
    );
  };
  for (const [name, instructions, reason] of [
    ['backwards', [DEF_CFA_SF, 7, 1], /has no size/],
    ['standing still', [DEF_CFA_OFFSET, 0], /has no size|beyond what was copied/],
    ['far away', [DEF_CFA_OFFSET, ...uleb(1n << 60n)], /beyond what was copied/],
    ['through itself', [DEF_CFA_OFFSET, 8], /more than 64 frames/],
    ['by damaged data', [0x3f], /damaged unwind data.*: 0x3f/],
  ] as const) {
    const { addresses, end } = walk([...instructions]);
    test.match(end.reason, reason, name);
    test.ok(addresses.length <= 64);
  }
});

t.test('expressions that take too much or too little', async test => {
  const input = { register: () => 8, word: (address: number) => address };
  const place = 0x5000;
  const cases: readonly (readonly [string, number[], number, RegExp, unknown])[] = [
    ['an empty stack', [0x06], 1, /empty stack|stack of length/, 0],
    ['a stack without an end', repeat(70, 0x12), 64, /overflow/, 64],
    ['an unknown operation', [0x12, 0xe0], 1, /unsupported DWARF operation/, 0xe0],
    ['a branch back to itself', [0x2f, 0xfd, 0xff], 0, /unsupported DWARF operation/, 0x2f],
    ['a number that is cut', [0x0c, 1], 1, /ends early/, 4],
    ['five thousand bytes', repeat(5000, 0x96), 0, /implausible length/, 5000],
  ];
  for (const [name, bytes, at, what, value] of cases) {
    const expression = { bytes: Uint8Array.from(bytes), address: place };
    try {
      evaluate(expression, [1], input);
      if (name !== 'an empty stack') test.fail(name);
      evaluate({ ...expression, bytes: Uint8Array.from([0x06]) }, [], input);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      test.match(error.what, what, name);
      test.same([error.offset, error.value], [place + at, value], name);
    }
  }
});
