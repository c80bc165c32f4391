/**
 * Rows of real libraries against what binutils prints of the same files. What a reader would get
 * wrong: readelf prints `u` both for a register that is not saved and for one that is undefined;
 * for the return address only the latter occurs.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import t, { type Test } from 'tap';
import { type Arch, openElf, openFileReader } from '../elf/index.js';
import { DWARF_REGISTERS, type UnwindRow } from './unwind-row.js';
import { UnwindTable } from './unwind-table.js';

interface PrintedRow {
  readonly address: number;
  readonly cfa: string;
  readonly registers: ReadonlyMap<string, string>;
}

interface PrintedFunction {
  readonly start: number;
  readonly end: number;
  readonly rows: readonly PrintedRow[];
}

/** Parses `readelf -wF`: functions with the rows of each. */
function parsePrinted(text: string): PrintedFunction[] {
  const functions: { start: number; end: number; rows: PrintedRow[] }[] = [];
  let names: string[] = [];
  let current: (typeof functions)[number] | undefined;
  for (const line of text.split('\n')) {
    const entry = / FDE .*pc=([0-9a-f]+)\.\.([0-9a-f]+)/.exec(line);
    if (entry !== null) {
      current = { start: parseInt(entry[1]!, 16), end: parseInt(entry[2]!, 16), rows: [] };
      functions.push(current);
    } else if (/ (CIE|ZERO terminator)/.test(line)) current = undefined;
    else if (/^\s+LOC\s+CFA/.test(line)) names = line.trim().split(/\s+/).slice(2);
    else if (current !== undefined && /^[0-9a-f]{16} /.test(line)) {
      // A register that holds another is printed with its name behind its number.
      const words = line.replace(/ \([a-z0-9]+\)/g, '');
      const [address, cfa, ...values] = words.trim().split(/\s+/);
      const registers = new Map(names.map((name, i) => [name, values[i] ?? 'u']));
      current.rows.push({ address: parseInt(address!, 16), cfa: cfa!, registers });
    }
  }
  return functions;
}

const NAMES: Record<Arch, (name: string) => number | undefined> = {
  x86_64: name => {
    const fixed = ['rax', 'rdx', 'rcx', 'rbx', 'rsi', 'rdi', 'rbp', 'rsp'].indexOf(name);
    if (fixed >= 0) return fixed;
    return name === 'ra' ? 16 : /^r\d+$/.test(name) ? Number(name.slice(1)) : undefined;
  },
  arm64: name => {
    if (name === 'ra') return 30;
    if (name === 'sp') return 31;
    if (/^v\d+$/.test(name)) return 64 + Number(name.slice(1));
    return /^x\d+$/.test(name) ? Number(name.slice(1)) : undefined;
  },
};

/** A row as readelf would print it. */
function printRow(arch: Arch, row: UnwindRow, names: Iterable<string>): string {
  const { cfa } = row;
  const sign = (offset: number): string => (offset < 0 ? `${offset}` : `+${offset}`);
  const registers = [...names].map(name => {
    const number = NAMES[arch](name);
    const rule = number === undefined ? undefined : row.registers.get(number);
    switch (rule?.kind) {
      case undefined:
      case 'undefined':
        return 'u';
      case 'same':
        return 's';
      case 'saved':
        return `c${sign(rule.offset)}`;
      case 'value':
        return `v${sign(rule.offset)}`;
      case 'register':
        return `r${rule.register}`;
      case 'savedExpression':
        return 'exp';
      case 'valueExpression':
        return 'vexp';
    }
  });
  const base = cfa.kind === 'register' ? `${cfa.register}${sign(cfa.offset)}` : 'exp';
  return [base, ...registers].join(' ');
}

function printExpected(arch: Arch, row: PrintedRow): string {
  const [, name, offset] = /^([a-z0-9]+)([+-]\d+)$/.exec(row.cfa) ?? [];
  const base = name === undefined ? row.cfa : `${NAMES[arch](name)}${offset}`;
  return [base, ...row.registers.values()].join(' ');
}

const SAMPLE = 6000;

function compare(test: Test, arch: Arch, file: string): void {
  const options = { encoding: 'utf8' as const, maxBuffer: 1 << 29 };
  // It exits with 1 where a separate debug file is named that is not installed.
  const printed = parsePrinted(spawnSync('readelf', ['-wF', file], options).stdout);
  const reader = openFileReader(file);
  test.teardown(() => reader.close());
  const table = new UnwindTable(openElf(reader));
  const pairs = printed.flatMap(f => f.rows.map((row, i) => ({ f, row, next: f.rows[i + 1] })));
  const every = Math.max(1, Math.floor(pairs.length / SAMPLE));
  const wrong: string[] = [];
  let compared = 0;
  for (const [i, { f, row, next }] of pairs.entries()) {
    // Empty functions and rows that the next one replaces at once hold nowhere.
    if (i % every !== 0 || row.address >= f.end || next?.address === row.address) continue;
    // readelf puts rows of an entry without an end of its own range in another order: look at both.
    const last = Math.min(next?.address ?? f.end, f.end) - 1;
    for (const address of new Set([row.address, Math.max(row.address, last)])) {
      const found = table.rowAt(address);
      const got = found && printRow(arch, found, row.registers.keys());
      const wanted = printExpected(arch, row);
      compared++;
      if (got !== wanted) wrong.push(`0x${address.toString(16)}: ${got}, readelf says ${wanted}`);
    }
  }
  test.same(wrong.slice(0, 5), [], `${compared} rows of ${file}`);
  test.ok(compared > 100, `${compared} rows compared`);
}

const FILES: readonly (readonly [Arch, string])[] = [
  ['x86_64', '/lib/x86_64-linux-gnu/libc.so.6'],
  ['x86_64', '/lib/x86_64-linux-gnu/libm.so.6'],
  ['x86_64', '/usr/lib/x86_64-linux-gnu/libstdc++.so.6'],
  ['x86_64', '/usr/lib/x86_64-linux-gnu/libcrypto.so.3'],
  ['arm64', '/lib/aarch64-linux-gnu/libc.so.6'],
  ['arm64', '/usr/aarch64-linux-gnu/lib/libc.so.6'],
];

for (const [arch, file] of FILES.filter(([, path]) => existsSync(path))) {
  t.test(`rows of ${file} equal readelf's`, async test => compare(test, arch, file));
}

t.test('addresses outside of all functions have no row', async test => {
  const [, file] = FILES.find(([, path]) => existsSync(path))!;
  const reader = openFileReader(file);
  test.teardown(() => reader.close());
  const table = new UnwindTable(openElf(reader));
  test.equal(table.rowAt(0), undefined);
  test.equal(table.rowAt(2 ** 46), undefined);
  test.equal(table.empty, false);
  test.equal(DWARF_REGISTERS.x86_64.returnAddress, 16);
});
