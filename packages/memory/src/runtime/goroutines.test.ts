/** Goroutines in made-up memory: walks that end, readings that are repeated, states in words. */
import t from 'tap';
import { FakeRuntime } from '../testing/fake-runtime.js';
import { listGoroutines } from './goroutines.js';

const NAMES =
  'stack.lo stack.hi m sched.sp sched.pc sched.bp syscallsp syscallpc stktopsp atomicstatus goid ' +
  'waitsince waitreason lockedm gopc startpc waiting';
const G: Record<string, number> = { 'm.procid': 8, 'sudog.c': 8, 'sudog.waitlink': 16 };
NAMES.split(' ').forEach((name, i) => (G[`g.${name}`] = 8 * i));

const ALLGS = 0x1000n;
const LIST = 0x2000n;
const FIRST = 0x3000n;
const LO = 0x8000n;
const HI = 0x9000n;
const options = {
  arch: 'x86_64' as const,
  waitReason: (n: number) => (n === 14 ? 'chan receive' : undefined),
  nowNs: 5_000_000_000n,
};

/** One waiting goroutine, three frames deep, its innermost frame at LO + 0x100. */
function parked(fields: Readonly<Record<string, bigint | number>> = {}): FakeRuntime {
  const fake = new FakeRuntime().map(LO, Number(HI - LO)).map(FIRST, 200);
  fake
    .write(ALLGS, LIST)
    .write(ALLGS + 8n, 1)
    .write(LIST, FIRST);
  const own = {
    ...{ 'stack.lo': LO, 'stack.hi': HI, 'sched.sp': LO + 0x100n, 'sched.pc': 0x401010n },
    ...{ 'sched.bp': LO + 0x110n, stktopsp: HI - 0x20n, atomicstatus: 4, goid: 7 },
    ...{ waitsince: 2_000_000_000n, waitreason: 14, startpc: 0x403000n, gopc: 0x404010n },
    ...fields,
  };
  for (const [name, value] of Object.entries(own))
    fake.write(FIRST + BigInt(G[`g.${name}`]!), value);
  fake.write(LO + 0x110n, LO + 0x140n).write(LO + 0x118n, 0x402020n);
  fake.write(LO + 0x140n, HI - 0x30n).write(LO + 0x148n, 0x403030n);
  fake.write(HI - 0x30n, 0n).write(HI - 0x28n, 0x409999n);
  return fake;
}

const read = (fake: FakeRuntime) => listGoroutines(fake.live(G, { allgs: ALLGS }), options);

t.test('a parked goroutine: reason, time, frames up to the outermost one', async t => {
  const { goroutines } = read(parked());
  t.match(goroutines, [
    {
      ...{ id: 7, state: 'waiting', waitReason: 'chan receive', waitNs: 3_000_000_000 },
      stack: [0x401010n, 0x402020n, 0x403030n],
      stackComplete: true,
    },
  ]);
});

t.test(
  'a frame size wins over the frame pointer: the caller of a prologue is not lost',
  async t => {
    const fake = parked().write(LO + 0x100n, 0x405050n);
    const shapeAt = (pc: bigint) =>
      pc === 0x40100fn ? { bytes: 0, interrupts: false } : undefined;
    const live = fake.live(G, { allgs: ALLGS });
    const [g] = listGoroutines(live, { ...options, shapeAt }).goroutines;
    t.same(g!.stack, [0x401010n, 0x405050n, 0x402020n, 0x403030n]);
  },
);

t.test('frame pointers that lead back, or out of the stack, end the walk', async t => {
  const back = parked().write(LO + 0x140n, LO + 0x110n);
  t.match(read(back).goroutines, [
    { stack: [0x401010n, 0x402020n, 0x403030n], stackComplete: false },
  ]);
  const out = parked().write(LO + 0x110n, 0x7fff0000n);
  t.match(read(out).goroutines, [{ stack: [0x401010n, 0x402020n], stackComplete: false }]);
});

t.test(
  'one that runs while it is read is read again; one that never stops has no stack',
  async t => {
    const once = parked();
    const sp = FIRST + BigInt(G['g.sched.sp']!);
    let changes = 0;
    const changeOnce = () => {
      if (++changes === 4) once.write(sp, LO + 0x108n);
    };
    once.onRead = changeOnce;
    const again = read(once);
    t.match(again, { torn: 0, goroutines: [{ stackComplete: true }] });

    const restless = parked();
    let next = 0n;
    restless.onRead = () => void restless.write(sp, LO + 0x100n + 8n * (next++ % 16n));
    t.match(read(restless), {
      torn: 1,
      goroutines: [{ stack: [], noStack: 'it ran while it was read' }],
    });
  },
);

t.test('dead ones are counted, running ones say why they have no stack', async t => {
  t.match(read(parked({ atomicstatus: 6 })), { dead: 1, goroutines: [] });
  t.match(read(parked({ atomicstatus: 2 })).goroutines, [
    { state: 'running', waitReason: undefined, noStack: /running/ },
  ]);
  t.match(
    read(parked({ atomicstatus: 0x1004 })).goroutines,
    [{ state: 'waiting' }],
    'being scanned',
  );
});

t.test('queues of channels that run in a circle end', async t => {
  const fake = parked({ waiting: 0x6000n });
  fake.map(0x6000n, 24).write(0x6008n, 0xc0de0n).write(0x6010n, 0x6000n);
  t.match(read(fake).goroutines, [{ channels: [0xc0de0n] }]);
});
