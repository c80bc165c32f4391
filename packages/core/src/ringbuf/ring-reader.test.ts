/** The reader against a ring in plain memory, where the test decides what the producer has done. */
import t from 'tap';
import { MemoryRing } from '../testing/memory-ring.js';
import { RingReader } from './ring-reader.js';

function payload(...bytes: readonly number[]): Uint8Array {
  return Uint8Array.from(bytes);
}

function readAll(reader: RingReader): number[][] {
  const seen: number[][] = [];
  reader.drain((view, offset, size) => {
    seen.push(Array.from({ length: size }, (_, i) => view.getUint8(offset + i)));
  });
  return seen;
}

function push(ring: MemoryRing, bytes: Uint8Array): void {
  const at = ring.reserve(bytes.length);
  if (at === undefined) throw new Error('the ring is full');
  ring.submit(at, bytes);
}

for (const acquireHeaders of [true, false]) {
  t.test(`headers by ${acquireHeaders ? 'acquire' : 'plain'} loads`, async t => {
    t.test('records come in reserve order, whatever the order of submitting', async t => {
      const ring = new MemoryRing(4096);
      const reader = new RingReader(ring, { acquireHeaders });
      const places = [0, 1, 2, 3].map(() => ring.reserve(4) as number);
      ring.submit(places[2] as number, payload(2, 2, 2, 2));
      ring.submit(places[1] as number, payload(1, 1, 1, 1));
      t.same(readAll(reader), [], 'the first is busy, so nothing is readable');
      t.ok(reader.availableBytes > 0);
      ring.submit(places[0] as number, payload(0, 0, 0, 0));
      t.same(readAll(reader), [
        [0, 0, 0, 0],
        [1, 1, 1, 1],
        [2, 2, 2, 2],
      ]);
      ring.submit(places[3] as number, payload(3, 3, 3, 3));
      t.same(readAll(reader), [[3, 3, 3, 3]]);
      t.equal(reader.availableBytes, 0);
    });

    t.test('discarded records are skipped and counted, a run of them too', async t => {
      const ring = new MemoryRing(4096);
      const reader = new RingReader(ring, { acquireHeaders });
      for (let i = 0; i < 5; i++) ring.discard(ring.reserve(12) as number, 12);
      push(ring, payload(7));
      t.same(readAll(reader), [[7]]);
      t.equal(reader.discarded, 5);
      for (let i = 0; i < 3; i++) ring.discard(ring.reserve(1) as number, 1);
      t.same(readAll(reader), []);
      t.equal(reader.availableBytes, 0, 'their room is given back');
    });

    t.test('records wrap, and positions pass 2^32', async t => {
      const ring = new MemoryRing(64, 2n ** 32n - 128n);
      const reader = new RingReader(ring, { acquireHeaders });
      const seen: number[][] = [];
      const expected: number[][] = [];
      for (let i = 0; i < 100; i++) {
        const bytes = Array.from({ length: 1 + (i % 40) }, (_, k) => (i + k) & 0xff);
        push(ring, Uint8Array.from(bytes));
        expected.push(bytes);
        seen.push(...readAll(reader));
      }
      t.same(seen, expected);
      t.ok(ring.consumerPosition > 2n ** 32n);
    });
  });
}

t.test('one step is bounded, and gives room back before the next', async t => {
  const ring = new MemoryRing(4096);
  const reader = new RingReader(ring);
  for (let i = 0; i < 10; i++) push(ring, payload(i));
  let records = 0;
  t.equal(
    reader.step(() => records++, 32),
    2,
    'two records of 16 bytes',
  );
  t.equal(ring.consumerPosition, 32n);
  t.equal(
    reader.drain(() => records++),
    8,
  );
  t.equal(records, 10);
});

t.test('a look ahead shows each record once and takes none', async t => {
  const ring = new MemoryRing(64);
  const reader = new RingReader(ring);
  const seen: number[] = [];
  const look = (): number => reader.lookAhead((view, at) => seen.push(view.getUint8(at)));
  for (let i = 0; i < 12; i++) {
    push(ring, payload(i));
    ring.discard(ring.reserve(4) as number, 4);
    const busy = ring.reserve(4) as number;
    t.equal(look(), 1, 'up to the record that is being written');
    t.equal(look(), 0);
    ring.submit(busy, payload(100 + i));
    if (i % 2 === 0) t.equal(look(), 1);
    t.same(readAll(reader), [[i], [100 + i]], 'all of them are still there');
  }
  t.equal(look(), 0, 'what was read is not shown again');
  t.same(
    seen.filter(each => each < 100),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  );
});

t.test('a handler that throws has read its record', async t => {
  const ring = new MemoryRing(4096);
  const reader = new RingReader(ring);
  push(ring, payload(1));
  push(ring, payload(2));
  t.throws(
    () =>
      reader.step(() => {
        throw new Error('no');
      }),
    /no/,
  );
  t.same(readAll(reader), [[2]]);
});

t.test('a handler may close the ring but not read it', async t => {
  const ring = new MemoryRing(4096);
  const reader = new RingReader(ring);
  push(ring, payload(1));
  push(ring, payload(2));
  t.throws(() => reader.step(() => reader.step(() => undefined)), /tried to read the ring/);
  reader.step(() => {
    reader.close();
    t.notOk(ring.released, 'not while it is being read');
  });
  t.ok(ring.released);
  t.equal(
    reader.drain(() => t.fail('a closed ring hands out nothing')),
    0,
  );
  t.equal(reader.availableBytes, 0);
  reader.close();
});

t.test('a size that is no power of two is refused', async t => {
  t.throws(() => new RingReader(new MemoryRing(96)), RangeError);
});
