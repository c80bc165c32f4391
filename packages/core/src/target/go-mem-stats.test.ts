/** MemStats in made-up memory: each layout's equations, torn readings, and giving up in time. */
import type { GoOffsets } from '@sonde/symbols';
import t from 'tap';
import { MemStatsReader } from './go-mem-stats.js';

const MEMSTATS = 0x10000n;
const CONTROLLER = 0x20000n;
const MIB = 1 << 20;

/** The layout since 1.19, with three deltas of 64 bytes. */
const OFFSETS: Readonly<Record<string, number>> = {
  ...{ 'mstats.heapStats': 0, 'consistentHeapStats.stats': 0, 'heapStatsDelta.sizeof': 64 },
  ...{ 'heapStatsDelta.committed': 0, 'heapStatsDelta.released': 8, 'heapStatsDelta.inHeap': 16 },
  ...{ 'heapStatsDelta.inStacks': 24, 'heapStatsDelta.inWorkBufs': 32 },
  ...{ 'mstats.stacks_sys': 200, 'mstats.gcMiscSys': 208, 'mstats.numgc': 216 },
  ...{ 'gcControllerState.heapInUse': 0, 'gcControllerState.heapReleased': 8 },
  ...{ 'gcControllerState.heapFree': 16, 'gcControllerState.totalAlloc': 24 },
  'gcControllerState.totalFree': 32,
};

function tableOf(offsets: Readonly<Record<string, number>>): GoOffsets {
  return {
    key: 'test',
    rung: 'test',
    get: field => offsets[field],
    need: field => offsets[field]!,
  };
}

class Memory {
  readonly words = new Map<bigint, bigint>();
  reads = 0;
  onRead: () => void = () => undefined;

  set(address: bigint, offset: number, value: number): this {
    this.words.set(address + BigInt(offset), BigInt.asUintN(64, BigInt(value)));
    return this;
  }

  readMany(ranges: readonly { readonly address: bigint; readonly length: number }[]) {
    this.reads++;
    this.onRead();
    return ranges.map(({ address, length }) => {
      const bytes = Buffer.alloc(length + 8);
      for (let at = 0; at < length; at += 8) {
        bytes.writeBigUInt64LE(this.words.get(address + BigInt(at)) ?? 0n, at);
      }
      return bytes.subarray(0, length);
    });
  }
}

/** 10 MiB in use, 3 free, 2 released, 1 of stacks; two deltas, one of them negative. */
function consistent(): Memory {
  const memory = new Memory();
  memory
    .set(CONTROLLER, 0, 10 * MIB)
    .set(CONTROLLER, 8, 2 * MIB)
    .set(CONTROLLER, 16, 3 * MIB);
  memory.set(CONTROLLER, 24, 50 * MIB).set(CONTROLLER, 32, 42 * MIB);
  memory
    .set(MEMSTATS, 0, 15 * MIB)
    .set(MEMSTATS, 8, 2 * MIB)
    .set(MEMSTATS, 16, 11 * MIB);
  memory.set(MEMSTATS, 64, -1 * MIB).set(MEMSTATS, 64 + 16, -1 * MIB);
  memory.set(MEMSTATS, 128 + 24, 1 * MIB);
  return memory.set(MEMSTATS, 200, 4096).set(MEMSTATS, 208, 5000).set(MEMSTATS, 216, 9);
}

const open = (memory: Memory) =>
  MemStatsReader.open(memory, tableOf(OFFSETS), { memstats: MEMSTATS, gcController: CONTROLLER })!;

t.test('figures that agree are taken at once; deltas are summed with their signs', async t => {
  const stats = open(consistent()).read();
  t.match(stats, {
    ...{ heapInUseBytes: 10 * MIB, heapIdleBytes: 5 * MIB, heapReleasedBytes: 2 * MIB },
    ...{ heapSysBytes: 15 * MIB, heapAllocBytes: 8 * MIB, stackInUseBytes: MIB },
    ...{ stackSysBytes: MIB + 4096, gcSysBytes: 5000, gcCycles: 9, tries: 1, closed: true },
  });
});

t.test('a torn reading is thrown away', async t => {
  const memory = consistent().set(CONTROLLER, 0, 10 * MIB + 8192);
  memory.onRead = () => void (memory.reads === 3 && memory.set(CONTROLLER, 0, 10 * MIB));
  t.match(open(memory).read(), { heapInUseBytes: 10 * MIB, tries: 3, closed: true });
});

t.test(
  'what never agrees but rests is given and marked; what never rests is not given',
  async t => {
    const off = consistent().set(CONTROLLER, 0, 10 * MIB + 8192);
    t.match(open(off).read(), { heapInUseBytes: 10 * MIB + 8192, closed: false });
    const restless = consistent();
    restless.onRead = () => void restless.set(CONTROLLER, 0, 20 * MIB + 8192 * restless.reads);
    t.equal(open(restless).read(), undefined);
    t.equal(restless.reads, 24);
  },
);

t.test('1.15 keeps one equation: idle and in use make the whole', async t => {
  const flat = { heap_sys: 0, heap_idle: 8, heap_inuse: 16, heap_released: 24, stacks_inuse: 32 };
  const offsets: Record<string, number> = { 'mstats.numgc': 64 };
  for (const [name, at] of Object.entries(flat)) offsets[`mstats.${name}`] = at;
  const memory = new Memory().set(MEMSTATS, 0, 9 * MIB).set(MEMSTATS, 8, 4 * MIB);
  memory.set(MEMSTATS, 16, 5 * MIB).set(MEMSTATS, 32, MIB);
  const reader = MemStatsReader.open(memory, tableOf(offsets), { memstats: MEMSTATS });
  t.match(reader!.read(), { heapInUseBytes: 5 * MIB, heapAllocBytes: undefined, closed: true });
  t.equal(MemStatsReader.open(memory, tableOf(OFFSETS), { memstats: MEMSTATS }), undefined);
});
