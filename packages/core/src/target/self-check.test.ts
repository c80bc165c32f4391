/**
 * The check at attach, on a made-up runtime in a buffer: right, and with one field corrupted at a
 * time; and on a live Go program, with its own offsets and with shifted ones.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import {
  bufferReader,
  findRuntimeGlobals,
  type GlobalName,
  type GoOffsets,
  openElf,
  openGoProgram,
  openInstructionReader,
} from '@sonde/symbols';
import { buildGoFixture, localRelease } from '@sonde/symbols/testing';
import t from 'tap';
import { MemoryReader } from './memory-reader.js';
import { selfCheck, type SelfCheckRequest } from './self-check.js';

const ROW: Readonly<Record<string, number>> = {
  ...{ 'g.stack.lo': 0, 'g.stack.hi': 8, 'g.m': 48, 'g.sched.sp': 56 },
  ...{ 'g.atomicstatus': 144, 'g.goid': 152, 'm.g0': 0, 'm.procid': 64, 'm.curg': 184 },
  ...{ 'mspan.startAddr': 24, 'mspan.npages': 32, 'mspan.freeindex': 48, 'mspan.nelems': 50 },
  ...{ 'mspan.spanclass': 98, 'mspan.state': 99, 'mspan.elemsize': 104, 'mheap.allspans': 64 },
};

function rowOffsets(row: Readonly<Record<string, number>>): GoOffsets {
  const get = (name: string): number | undefined => row[name];
  return { key: 'test', rung: 'made up', get, need: name => row[name]! };
}

const BASE = 0x10000n;
const [ALLGS, MHEAP, G, G0, M, SPAN] = [0x100, 0x200, 0x400, 0x600, 0x800, 0xa00];
const TID = 77;

/** A runtime with one goroutine, the m that runs it, and one span of two pages. */
function madeUp(change?: (view: DataView) => void): SelfCheckRequest {
  const bytes = new Uint8Array(0x1000);
  const view = new DataView(bytes.buffer);
  const word = (at: number, value: bigint | number): void =>
    view.setBigUint64(at, BigInt(value), true);
  const at = (offset: number): bigint => BASE + BigInt(offset);
  for (const [slice, list, item] of [
    [ALLGS, 0xc00, G],
    [MHEAP + 64, 0xc08, SPAN],
  ] as const) {
    word(slice, at(list));
    word(slice + 8, 1);
    word(slice + 16, 4);
    word(list, at(item));
  }
  word(G, 0x7000);
  word(G + 8, 0x9000);
  word(G + 48, at(M));
  word(G + 56, 0x8ff0);
  view.setUint32(G + 144, 2, true);
  word(G + 152, 18);
  word(G0 + 48, at(M));
  word(M, at(G0));
  word(M + 64, TID);
  word(M + 184, at(G));
  word(SPAN + 24, 0xc000002000n);
  word(SPAN + 32, 2);
  view.setUint16(SPAN + 50, 8, true);
  view.setUint8(SPAN + 98, 44);
  view.setUint8(SPAN + 99, 1);
  word(SPAN + 104, 2048);
  change?.(view);
  return {
    memory: {
      read(address, length) {
        const start = Number(address - BASE);
        if (start < 0 || start + length > bytes.length) throw new Error('not mapped');
        return bytes.subarray(start, start + length);
      },
    },
    offsets: rowOffsets(ROW),
    globals: { allgs: at(ALLGS), mheap: at(MHEAP) },
    threads: () => new Set([TID]),
  };
}

t.test('a runtime that agrees with itself passes', async t => {
  t.equal(selfCheck(madeUp()), 'passed: 1 goroutines, 1 spans, 1 in use');
  const bare = { ...madeUp(), globals: {} };
  t.match(selfCheck(bare), /^not possible/, 'nothing to look at is said, not passed over');
});

const CORRUPTIONS: readonly (readonly [field: RegExp, (view: DataView) => void])[] = [
  [/allgs is 0x5: longer/, v => v.setBigUint64(ALLGS + 8, 5n, true)],
  [/g\.goid is 0x0/, v => v.setBigUint64(G + 152, 0n, true)],
  [/g\.stack\.lo is 0x9001/, v => v.setBigUint64(G, 0x9001n, true)],
  [
    /g\.sched\.sp is 0x10/,
    v => {
      v.setUint32(G + 144, 4, true);
      v.setBigUint64(G + 56, 0x10n, true);
    },
  ],
  [/g\.m is 0x123456: nothing is mapped/, v => v.setBigUint64(G + 48, 0x123456n, true)],
  [/m\.g0 is 0x10a00: its m/, v => v.setBigUint64(M, BASE + BigInt(SPAN), true)],
  [/m\.curg is .*another one/, v => v.setBigUint64(M + 184, BASE + BigInt(SPAN), true)],
  [/m\.procid is 0x4c: not a thread/, v => v.setBigUint64(M + 64, 76n, true)],
  [/mspan\.state is 0x3/, v => v.setUint8(SPAN + 99, 3)],
  [/mspan\.startAddr is 0xc000002008/, v => v.setBigUint64(SPAN + 24, 0xc000002008n, true)],
  [/mspan\.npages is 0x0/, v => v.setBigUint64(SPAN + 32, 0n, true)],
  [/mspan\.elemsize is 0x8000/, v => v.setBigUint64(SPAN + 104, 0x8000n, true)],
  [/mspan\.nelems is 0x9/, v => v.setUint16(SPAN + 50, 9, true)],
  [/mheap\.allspans is 0x1/, v => v.setBigUint64(MHEAP + 64, 1n, true)],
];

for (const [field, change] of CORRUPTIONS) {
  t.test(`corrupted: ${field.source}`, async t => {
    t.throws(() => selfCheck(madeUp(change)), {
      name: 'UnsupportedError',
      message: field,
      hint: /inspect/,
    });
  });
}

t.test('one torn reading is no disagreement', async t => {
  const right = madeUp();
  let reads = 0;
  const memory = {
    read(address: bigint, length: number): Uint8Array {
      const bytes = Uint8Array.from(right.memory.read(address, length));
      if (address >= BASE + BigInt(SPAN) && address < BASE + 0xc00n && reads++ === 0)
        bytes.fill(0xff);
      return bytes;
    },
  };
  t.match(selfCheck({ ...right, memory }), /^passed/);
  t.equal(reads, 2, 'the span was read again');
});

const LIVE = `package main

import (
	"os"
	"time"
)

var held [][]byte

func main() {
	for i := 0; i < 2000; i++ {
		held = append(held, make([]byte, 100+i*20))
	}
	for i := 0; i < 4; i++ {
		go func() { time.Sleep(time.Hour) }()
	}
	go func() {
		for n := 0; ; n++ {
			held[n%2000] = make([]byte, 100+n%40000)
			time.Sleep(time.Millisecond)
		}
	}()
	time.Sleep(20 * time.Millisecond)
	println("ready")
	os.Stdin.Read(make([]byte, 1))
}
`;

const skip = localRelease() === undefined ? 'no go here' : false;
t.test('a live program passes with its offsets, and not with others', { skip }, async t => {
  const binary = buildGoFixture({ source: LIVE });
  const child = spawn(binary, { stdio: ['pipe', 'inherit', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stderr, 'data');
  const pid = child.pid!;
  const go = openGoProgram(openElf(bufferReader(readFileSync(readlinkSync(`/proc/${pid}/exe`)))));
  const found = findRuntimeGlobals(go, await openInstructionReader(go.elf.arch));
  const globals: Partial<Record<GlobalName, bigint>> = {};
  for (const name of ['allgs', 'mheap'] as const) globals[name] = BigInt(found[name]!);
  const memory = new MemoryReader(pid);
  t.teardown(() => memory.close());
  const threads = () => new Set(readdirSync(`/proc/${pid}/task`).map(Number));
  const request = { memory, offsets: go.offsets, globals, threads };
  for (let i = 0; i < 10; i++) t.match(selfCheck(request), /^passed: [1-9]\d* goroutines, [1-9]/);
  for (const field of ['mspan.npages', 'mspan.elemsize', 'g.stack.hi', 'mheap.allspans']) {
    const get = (name: string): number | undefined => {
      const offset = go.offsets.get(name);
      return name === field ? offset! + 8 : offset;
    };
    const offsets = { key: 'shifted', rung: 'shifted', get, need: (name: string) => get(name)! };
    t.throws(() => selfCheck({ ...request, offsets }), { name: 'UnsupportedError' }, field);
  }
});
