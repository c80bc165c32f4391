/**
 * Damaged call frame information: whatever its bytes are, a lookup answers, or refuses with a
 * FormatError that says where. What a reader would get wrong: a random answer is fine here; what
 * is tested is that nothing else is thrown and that every lookup ends.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { bufferReader, type ElfFile, FormatError, openElf } from '../elf/index.js';
import { CfiReader } from './cfi-reader.js';
import { evaluate } from './expression.js';
import { packRule } from './rule-word.js';
import { UnwindTable } from './unwind-table.js';

/** Numbers that are the same in every run (xorshift32). */
function* numbers(seed: number): Generator<number, never> {
  let x = seed;
  for (;;) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    yield x >>> 0;
  }
}

const BOUNDARY = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x0b, 0x0e, 0x0f, 0x16, 0x41];

/** Bytes of a file with some of a section's bytes replaced. */
function damage(file: Uint8Array, elf: ElfFile, name: string, random: Iterator<number>) {
  const section = elf.section(name)!;
  const bytes = Uint8Array.from(file);
  const next = (limit: number): number => random.next().value % limit;
  for (let i = 0; i < 40; i++) {
    // Close to the start there are the header and the CIE; further on, functions.
    const range = i < 8 ? Math.min(64, section.sizeBytes) : section.sizeBytes;
    const value = next(2) === 0 ? BOUNDARY[next(BOUNDARY.length)]! : next(256);
    bytes[section.offset + next(range)] = value;
  }
  return bytes;
}

function attempt(f: () => unknown): 'answered' | 'refused' {
  try {
    f();
    return 'answered';
  } catch (error) {
    if (error instanceof FormatError) return 'refused';
    throw error;
  }
}

t.test('damaged sections of a real program', async test => {
  const file = readFileSync(process.execPath);
  const whole = openElf(bufferReader(file));
  const text = whole.section('.text')!;
  const random = numbers(20261123);
  const outcomes = { answered: 0, refused: 0 };
  for (let round = 0; round < 40; round++) {
    const name = round % 2 === 0 ? '.eh_frame' : '.eh_frame_hdr';
    const elf = openElf(bufferReader(damage(file, whole, name, random)));
    const table = new UnwindTable(elf);
    for (let i = 0; i < 200; i++) {
      const address = text.address + (random.next().value % text.sizeBytes);
      const outcome = attempt(() => {
        const row = table.rowAt(address);
        return row && packRule(elf.arch, row, false);
      });
      outcomes[outcome]++;
    }
  }
  test.ok(outcomes.answered > 0 && outcomes.refused > 0, JSON.stringify(outcomes));
});

t.test('expressions of any bytes end', async test => {
  const random = numbers(7);
  const outcomes = { answered: 0, refused: 0 };
  const input = { register: (n: number) => n * 8, word: (address: number) => address ^ 1 };
  for (let i = 0; i < 20000; i++) {
    const length = 1 + (random.next().value % 24);
    const bytes = Uint8Array.from({ length }, () => random.next().value & 0xff);
    outcomes[attempt(() => evaluate({ bytes, address: 0 }, [4096], input))]++;
  }
  test.ok(outcomes.answered > 0 && outcomes.refused > 0, JSON.stringify(outcomes));
});

t.test('numbers and lengths that run out of the bytes are refused with their place', async test => {
  const cases: readonly (readonly [number[], (reader: CfiReader) => unknown, RegExp])[] = [
    [[0x80, 0x80], r => r.uleb(), /ends early/],
    [Array<number>(11).fill(0x80), r => r.uleb(), /too long/],
    [[1, 2, 3], r => r.u32(), /ends early/],
    [[65, 66], r => r.text(), /without an end/],
    [[5], r => r.take(9), /ends early/],
    [[0, 0, 0, 0], r => r.pointer(0x2b), /base of a pointer/],
    [[0, 0, 0, 0], r => r.pointer(0x0d), /pointer encoding/],
  ];
  for (const [bytes, read, message] of cases) {
    test.throws(() => read(new CfiReader(Uint8Array.from(bytes), 0x1000)), message);
  }
});
