/** Damaged, torn and hostile memory of a Go runtime: bounded, retried, and said in words. */
import t from 'tap';
import { FakeRuntime } from '../testing/fake-runtime.js';
import { listGoroutines } from './goroutines.js';
import { readHeapProfile } from './heap-profile.js';
import { RuntimeReadError } from './runtime-reader.js';
import { censusSpans } from './span-census.js';

const BUCKET = {
  ...{ 'bucket.allnext': 8, 'bucket.typ': 16, 'bucket.size': 32, 'bucket.nstk': 40 },
  ...{ 'bucket.sizeof': 48, 'memRecord.sizeof': 128 },
};
const MBUCKETS = 0x1000n;
const FIRST = 0x2000n;

/** A bucket with one stack word; its record's counts are of objects of 1000 bytes. */
function bucket(fake: FakeRuntime, at: bigint, next: bigint, allocs: number, frees: number): void {
  fake
    .map(at, 48 + 8 + 128)
    .write(at + 8n, next)
    .write(at + 16n, 1)
    .write(at + 32n, 1000);
  fake.write(at + 40n, 1).write(at + 48n, 0x401000n);
  fake.write(at + 56n, allocs).write(at + 64n, frees);
  fake.write(at + 72n, allocs * 1000).write(at + 80n, frees * 1000);
}

t.test('buckets that run in a circle are refused by address', async t => {
  const fake = new FakeRuntime().write(MBUCKETS, FIRST);
  bucket(fake, FIRST, FIRST + 0x1000n, 1, 0);
  bucket(fake, FIRST + 0x1000n, FIRST, 1, 0);
  t.throws(() => readHeapProfile(fake.live(BUCKET, { mbuckets: MBUCKETS })), {
    name: 'RuntimeReadError',
    message: 'read heap profile: buckets run in a circle at 0x2000',
  });
});

t.test(
  'an absurd stack depth, or a bucket of another profile, is refused with its value',
  async t => {
    const fake = new FakeRuntime().write(MBUCKETS, FIRST);
    bucket(fake, FIRST, 0n, 1, 0);
    const live = fake.live(BUCKET, { mbuckets: MBUCKETS });
    fake.write(FIRST + 40n, 1n << 40n);
    t.throws(() => readHeapProfile(live), /absurd stack depth at 0x2000: 0x10000000000/);
    fake.write(FIRST + 40n, 1).write(FIRST + 16n, 2);
    t.throws(() => readHeapProfile(live), /not a bucket of the heap profile at 0x2000: 0x2/);
  },
);

t.test('a record that contradicts itself is read again until it does not', async t => {
  const fake = new FakeRuntime().write(MBUCKETS, FIRST);
  bucket(fake, FIRST, 0n, 5, 2);
  // The count was raised, the bytes not yet: what a reader sees in the middle of an update.
  fake.write(FIRST + 56n, 6);
  fake.onRead = batch => void (batch === 4 && fake.write(FIRST + 72n, 6000));
  const profile = readHeapProfile(fake.live(BUCKET, { mbuckets: MBUCKETS }));
  t.equal(profile.torn, 0);
  t.same(profile.active, { allocs: 6, frees: 2, allocBytes: 6000, freeBytes: 2000 });
  t.equal(profile.liveBytes, 4000, 'unscaled where the rate is not known');

  const stuck = new FakeRuntime().write(MBUCKETS, FIRST);
  bucket(stuck, FIRST, 0n, 5, 2);
  stuck.write(FIRST + 56n, 6);
  t.equal(readHeapProfile(stuck.live(BUCKET, { mbuckets: MBUCKETS })).torn, 1);
});

t.test('samples are scaled as pprof does, and missing globals are said', async t => {
  const fake = new FakeRuntime().write(MBUCKETS, FIRST).write(0x1800n, 524288);
  bucket(fake, FIRST, 0n, 5, 2);
  const live = fake.live(BUCKET, { mbuckets: MBUCKETS, memProfileRate: 0x1800n });
  const scale = 1 / (1 - Math.exp(-1000 / 524288));
  t.equal(readHeapProfile(live).entries[0]!.liveBytes, Math.trunc(3000 * scale));
  t.throws(() => readHeapProfile(fake.live(BUCKET, {})), RuntimeReadError);
});

const SPAN = {
  ...{ 'mspan.startAddr': 24, 'mspan.npages': 32, 'mspan.freeindex': 48, 'mspan.nelems': 50 },
  ...{ 'mspan.allocCount': 96, 'mspan.spanclass': 98, 'mspan.state': 99, 'mspan.elemsize': 104 },
  ...{ 'mheap.allspans': 0x40, 'mheap.pagesInUse': 0x60 },
};
const MHEAP = 0x1000n;
const SPANS = 0x3000n;

function span(fake: FakeRuntime, at: bigint, pages: number, spanClass: number, slot: number): void {
  fake
    .map(at, 120)
    .write(at + 32n, pages)
    .write(at + 50n, 100, 2)
    .write(at + 96n, 10, 2);
  fake
    .write(at + 98n, spanClass, 1)
    .write(at + 99n, 1, 1)
    .write(at + 104n, slot);
}

function heapOfTwo(): FakeRuntime {
  const fake = new FakeRuntime()
    .map(MHEAP, 0x80)
    .write(SPANS, 0x4000n)
    .write(SPANS + 8n, 0x5000n);
  fake
    .write(MHEAP + 0x40n, SPANS)
    .write(MHEAP + 0x48n, 2)
    .write(MHEAP + 0x60n, 5);
  span(fake, 0x4000n, 1, 10, 48);
  span(fake, 0x5000n, 4, 1, 32768);
  return fake;
}

t.test('spans add up by class, and large objects stand alone', async t => {
  const census = censusSpans(heapOfTwo().live(SPAN, { mheap: MHEAP }));
  t.match(census, { closed: true, tries: 1, inUseBytes: 5 * 8192, objects: 20 });
  t.same(census.classes, [
    {
      ...{ slotBytes: 48, noscan: false, spans: 1, spanBytes: 8192, objects: 10, slots: 100 },
      freeBytes: 90 * 48,
    },
  ]);
  t.match(census.large, [{ bytes: 32768, noscan: true }]);
});

t.test(
  'a heap that moves while it is read is read again; one that never rests says so',
  async t => {
    const fake = heapOfTwo();
    fake.write(MHEAP + 0x60n, 6);
    fake.onRead = batch => void (batch === 6 && fake.write(MHEAP + 0x60n, 5));
    t.match(censusSpans(fake.live(SPAN, { mheap: MHEAP })), { closed: true, tries: 2 });

    const restless = heapOfTwo().write(MHEAP + 0x60n, 7);
    const census = censusSpans(restless.live(SPAN, { mheap: MHEAP }));
    t.match(census, { closed: false, tries: 6, inUseBytes: 5 * 8192, runtimeInUseBytes: 7 * 8192 });
  },
);

t.test('absurd lists of spans and goroutines are refused before anything is allocated', async t => {
  const fake = heapOfTwo().write(MHEAP + 0x48n, 1n << 60n);
  const absurd = /count spans: absurd length at 0x1040: 0x1000000000000000/;
  t.throws(() => censusSpans(fake.live(SPAN, { mheap: MHEAP })), absurd);
  const list = new FakeRuntime().write(0x1000n, 0x2001n).write(0x1008n, 3).write(0x1010n, 3);
  const options = { arch: 'x86_64' as const, waitReason: () => undefined, nowNs: 0n };
  t.throws(
    () => listGoroutines(list.live({}, { allgs: 0x1000n }), options),
    /list goroutines: not a pointer at 0x1000: 0x2001/,
  );
});
