/** Which address is looked up for which frame, on a target without a process. */
import { readFileSync } from 'node:fs';
import { bufferReader, openElf, openGoProgram } from '@sonde/symbols';
import { buildGoFixture, SELF_DESCRIBING } from '@sonde/symbols/testing';
import t from 'tap';
import type { Module } from '../target/modules.js';
import { type StackTarget, StackSymbolizer, symbolizeStack } from './index.js';

const BIAS = 0x10000000n;
const elf = openElf(bufferReader(readFileSync(buildGoFixture({ source: SELF_DESCRIBING }))));
const go = openGoProgram(elf);
const { text, etext } = go.pclntab.module;

const executable: Module = {
  path: '/srv/app',
  openPath: '/srv/app',
  inode: 1,
  device: '00:01',
  bias: BIAS,
  ranges: [{ start: BIAS + BigInt(text), end: BIAS + BigInt(etext) }],
  executable: true,
  elf,
  buildId: undefined,
};

let refreshes = 0;
const target: StackTarget = {
  go,
  maps: () => [],
  moduleAt: address => {
    const [range] = executable.ranges;
    return address >= range!.start && address < range!.end ? executable : undefined;
  },
  refreshMaps: () => {
    refreshes++;
    return false;
  },
};

t.test('a return address is looked up one byte before, an exact one as it is', async t => {
  const capture = go.pclntab.functionNamed('main.capture')!;
  const entry = BIAS + BigInt(capture.entry);
  const [exact] = symbolizeStack(target, [entry], { innermostExact: true });
  t.match(exact, { function: 'main.capture', module: '/srv/app', kind: 'go', address: entry });
  const before = go.pclntab.functionAt(capture.entry - 1)!.name;
  t.equal(symbolizeStack(target, [entry]).at(-1)?.function, before);
  const stacks = new StackSymbolizer(target);
  const both = stacks.symbolize([entry, entry], { innermostExact: true });
  t.equal(both[0]?.function, 'main.capture');
  t.equal(both.at(-1)?.function, before, 'the two readings of one address do not mix');
});

t.test('addresses outside every file keep their number', async t => {
  const frames = symbolizeStack(target, [0xffffffff81000000n, 0x1234n, 0n]);
  t.match(frames, [
    { function: '0xffffffff81000000', module: '[kernel]', kind: 'kernel' },
    { function: '0x1234', module: '[unknown]', kind: 'c' },
    { function: '0x0', module: '[unknown]', kind: 'c' },
  ]);
  t.equal(refreshes, 2, 'an unknown address asks for new maps');
});
