/**
 * A program that leaks by a plan out of a seed, against its own books: per call site in both modes,
 * per address, and when the maps or the ring are too small. What a reader would get wrong: the seed
 * is new on every run (SONDE_SEED repeats one), and is printed with the test's name.
 */
import { reportCompared, startWorkload } from '@sonde/vm-tests/kit';
import t, { type Test } from 'tap';
import {
  attach,
  collect,
  end,
  goFunctions,
  linesUntil,
  rows,
  trace,
  type Traced,
  type TracedEvent,
  type WorkloadLine,
} from './testing/traced.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const SEED = Number(process.env['SONDE_SEED'] ?? Date.now() % 1_000_000);
const SITES = 6;
const ARGS = ['-seed', String(SEED), '-sites', String(SITES), '-leaks', '2', '-threads', '2'];
const ROUNDS = 20;

/** What one site did: by the program's books, or by the probe's. */
interface Books {
  allocs: number;
  frees: number;
  allocBytes: number;
  freeBytes: number;
}

const NOTHING: Books = { allocs: 0, frees: 0, allocBytes: 0, freeBytes: 0 };

/** Site functions by address, ascending: a caller belongs to the last one at or below it. */
class SiteFunctions {
  readonly #starts: readonly [start: bigint, site: number][];

  constructor(plans: readonly WorkloadLine[]) {
    const starts = plans.map(
      plan => [BigInt(String(plan['function'])), Number(plan['site'])] as [bigint, number],
    );
    this.#starts = starts.sort((a, b) => (a[0] < b[0] ? -1 : 1));
  }

  /** The functions are some 60 bytes long, and calls return into them. */
  siteOf(pc: bigint | undefined): number | undefined {
    if (pc === undefined) return undefined;
    return this.#starts.find(([start]) => pc > start && pc - start < 64n)?.[1];
  }
}

async function programBooks(traced: Traced): Promise<Map<number, WorkloadLine>> {
  traced.workload.send('report');
  const lines = await linesUntil(traced.workload, 'reported');
  return new Map(lines.map(line => [Number(line['site']), line]));
}

async function heldAddresses(traced: Traced): Promise<Map<bigint, number>> {
  traced.workload.send('addresses');
  const lines = await linesUntil(traced.workload, 'listed');
  return new Map(lines.map(line => [BigInt(String(line['address'])), Number(line['size'])]));
}

/** Adds the books of stacks that belong to one site. */
function aggregateBooks(traced: Traced, functions: SiteFunctions): Map<number, Books> {
  const books = new Map<number, Books>();
  for (const [id, value] of rows(traced.session, 'byStack')) {
    const site = functions.siteOf(traced.session.stack(id as bigint)[0]);
    if (site === undefined) continue;
    const sum = books.get(site) ?? NOTHING;
    books.set(site, {
      allocs: sum.allocs + Number(value['allocs']),
      frees: sum.frees + Number(value['frees']),
      allocBytes: sum.allocBytes + Number(value['allocBytes']),
      freeBytes: sum.freeBytes + Number(value['freeBytes']),
    });
  }
  return books;
}

/** The same books from the records of mode stream, put into the order of their clock. */
function streamBooks(
  events: readonly TracedEvent[],
  siteOf: (stack: bigint) => number | undefined,
): Map<number, Books> {
  const books = new Map<number, Books>();
  const live = new Map<bigint, { site: number; size: number }>();
  const time = (event: TracedEvent): bigint => BigInt(String(event.fields['ktimeNs']));
  for (const { name, fields } of [...events].sort((a, b) => (time(a) < time(b) ? -1 : 1))) {
    const address = fields['address'] as bigint;
    if (name === 'free') {
      const freed = live.get(address);
      live.delete(address);
      const sum = freed === undefined ? undefined : books.get(freed.site);
      if (freed === undefined || sum === undefined) continue;
      sum.frees++;
      sum.freeBytes += freed.size;
      continue;
    }
    const site = siteOf(fields['stack'] as bigint);
    if (name !== 'alloc' || site === undefined) continue;
    const size = Number(fields['sizeBytes']);
    const sum = books.get(site) ?? { ...NOTHING };
    sum.allocs++;
    sum.allocBytes += size;
    books.set(site, sum);
    live.set(address, { site, size });
  }
  return books;
}

function compareBooks(
  test: Test,
  seen: ReadonlyMap<number, Books>,
  told: ReadonlyMap<number, WorkloadLine>,
): number {
  let compared = 0;
  for (const [site, truth] of told) {
    const { allocs, frees, allocBytes, freeBytes } = truth as unknown as Books;
    const books = { allocs, frees, allocBytes, freeBytes };
    test.same(seen.get(site), books, `site ${site} (${truth['c']}, ${truth['kind']})`);
    compared += allocs + frees;
  }
  return compared;
}

t.test(`seed ${SEED}: both modes, attached at once, agree with the program`, async test => {
  const traced = await trace(startWorkload('cleak', ARGS), { request: { mode: 'aggregate' } });
  test.teardown(() => end(traced));
  const streaming = await attach(traced.workload.pid, { request: { mode: 'stream' } });
  test.teardown(() => streaming.close());
  const events = collect(streaming);
  const functions = new SiteFunctions(traced.before);

  traced.workload.send(`run ${ROUNDS}`);
  await linesUntil(traced.workload, 'ran');
  const told = await programBooks(traced);
  streaming.drain();

  test.equal(told.size, SITES);
  const compared = compareBooks(test, aggregateBooks(traced, functions), told);
  const siteOf = (stack: bigint): number | undefined => functions.siteOf(streaming.stack(stack)[0]);
  reportCompared(compared + compareBooks(test, streamBooks(events, siteOf), told));
  traced.session.refresh();
  streaming.refresh();
  for (const { losses } of [traced.session, streaming].map(each => ({ losses: each.losses() }))) {
    test.match(losses, { ringFull: 0, mapFull: 0, stackLost: 0, unpaired: 0, probeMissed: 0 });
  }
});

t.test(
  `seed ${SEED}: live holds each address that the program holds, and its Go line`,
  async test => {
    const traced = await trace(startWorkload('cleak', ARGS), { request: { mode: 'aggregate' } });
    test.teardown(() => end(traced));
    const functions = new SiteFunctions(traced.before);
    traced.workload.send(`run ${ROUNDS}`);
    await linesUntil(traced.workload, 'ran');
    const held = await heldAddresses(traced);
    const stacks = new Map<number, bigint>();
    const live = rows(traced.session, 'live').filter(([, value]) => {
      const site = functions.siteOf(traced.session.stack(value['stack'] as bigint)[0]);
      if (site !== undefined) stacks.set(site, value['stack'] as bigint);
      return site !== undefined;
    });
    test.equal(live.length, held.size, 'as many as the program holds');
    let wrong = 0;
    for (const [address, value] of live) {
      if (held.get(address as bigint) !== value['sizeBytes']) wrong++;
    }
    test.equal(wrong, 0, 'same addresses, same sizes');
    reportCompared(held.size);

    for (const plan of traced.before) {
      const stack = stacks.get(Number(plan['site']));
      if (stack === undefined) continue;
      const names = await goFunctions(traced.workload, traced.session.stack(stack).slice(1));
      const own = names.filter(name => name.startsWith('main.'));
      test.same(own.slice(0, 5), [
        `main._Cfunc_${plan['c']}`,
        plan['go'],
        'main.(*plan).allocate',
        'main.(*plan).round',
        'main.serveRequests',
      ]);
    }
    traced.workload.send('free');
    await linesUntil(traced.workload, 'freed');
    const left = rows(traced.session, 'live').filter(([address]) => held.has(address as bigint));
    test.same(left, [], 'nothing of it is live once it is freed');
  },
);

t.test('a map that is too small: what it cannot hold is a loss, and nothing else', async test => {
  const traced = await trace(startWorkload('cleak', ARGS), {
    request: { mode: 'aggregate' },
    session: { mapEntries: { live: 64 } },
  });
  test.teardown(() => end(traced));
  traced.workload.send(`run ${ROUNDS}`);
  await linesUntil(traced.workload, 'ran');
  const told = await programBooks(traced);
  traced.session.refresh();
  const sum = (field: string): number =>
    [...told.values()].reduce((total, line) => total + Number(line[field]), 0);
  const [totals] = rows(traced.session, 'totals').map(([, value]) => value);
  const { mapFull } = traced.session.losses();
  const counted = Number(totals?.['allocs']);
  test.ok(mapFull > 0, `${mapFull} allocations found no room`);
  test.ok(counted + mapFull >= sum('allocs'), 'every allocation is counted or lost');
  test.ok(Number(totals?.['frees']) <= counted, 'no free without its allocation');
  test.ok(rows(traced.session, 'live').length <= 64);
  reportCompared(counted);
});

t.test('an address whose free was not seen is taken over by its next owner', async test => {
  const traced = await trace(startWorkload('storm'), {
    warmUp: 'run 10',
    request: { mode: 'aggregate', skipPoints: ['free'] },
  });
  test.teardown(() => end(traced));
  const ran = await traced.workload.command('run 100');
  traced.session.refresh();
  const { mapFull, unpaired } = traced.session.losses();
  test.equal(mapFull, 0, 'the map has room');
  test.ok(unpaired >= Number(ran['pairs']) / 2, `${unpaired} frees are known to be missing`);
  reportCompared(unpaired);
});

t.test('a ring of one page: produced is what was read plus what was lost', async test => {
  const traced = await trace(startWorkload('storm'), {
    // A thread that is born or dies frees null pointers, which are hits without a record.
    warmUp: 'run 10',
    request: { mode: 'stream' },
    session: { ringBytes: 4096 },
  });
  test.teardown(() => end(traced));
  const running = traced.workload.command('run 3000');
  // Nobody reads while this thread sleeps, so that the ring is full however slow the machine is.
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; tries < 600 && traced.session.losses().ringFull === 0; tries++) {
    Atomics.wait(sleeper, 0, 0, 50);
    traced.session.refresh();
  }
  const ran = await running;
  traced.session.drain();
  traced.session.refresh();
  const hits = (point: string): number =>
    traced.session.probes[0]?.points.find(each => each.point === point)?.sites[0]?.hits ?? 0;
  const { ringFull, malformed } = traced.session.losses();
  const produced = hits('mallocReturn') + hits('callocReturn') + hits('free');
  test.ok(ringFull > 0, `${ringFull} records found no room`);
  test.equal(malformed, 0);
  test.equal(traced.events.length + ringFull, produced, 'no record is lost without being counted');
  test.ok(produced >= 2 * Number(ran['pairs']));
  reportCompared(produced);
});

t.test('a neighbour with the same C library is neither counted nor slowed down', async test => {
  const traced = await trace(startWorkload('storm'), { warmUp: 'run 10' });
  test.teardown(() => end(traced));
  const neighbour = startWorkload('storm');
  test.teardown(() => neighbour.stop());
  await neighbour.next();
  const cpuNs = async (): Promise<number> => {
    let least = Infinity;
    for (let i = 0; i < 3; i++) {
      const ran = await neighbour.command('run 20000');
      least = Math.min(least, Number(ran['cpuNs']));
    }
    return least;
  };
  const hits = (): number => {
    traced.session.refresh();
    const points = traced.session.probes[0]?.points ?? [];
    return points.flatMap(each => each.sites).reduce((sum, site) => sum + site.hits, 0);
  };
  await cpuNs();
  const whileTraced = await cpuNs();
  test.equal(hits(), 0, 'no hit came of 120000 pairs next door');
  await traced.workload.command('run 100');
  test.ok(hits() >= 300, 'and three for each pair at home');
  await traced.session.stop();
  const untraced = await cpuNs();
  // A trap costs a hundred times what malloc does: whoever takes it is far beyond this.
  test.ok(whileTraced < 10 * untraced + 5e6, `${whileTraced} ns of CPU, ${untraced} untraced`);
  reportCompared(300);
});
