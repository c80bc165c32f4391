// @ts-check
/**
 * Time to read and decode one record, against libbpf's ring_buffer__consume with a C callback that
 * sums every field. Both read the same ring, filled anew before each turn by the same BPF program;
 * every reader's sum is compared with the expected one, so that none can win by reading less. What
 * a reader would get wrong: the time is the processor time of the reading thread on both sides, and
 * JavaScript gets turns to be compiled in first, which a C program had before it was started.
 */
import koffi from 'koffi';
import { closeFd } from '@sonde/core/libbpf';
import { mapRing, RingReader } from '@sonde/core/ringbuf';
import { bpfObject, cProgram, recordsDecoder } from './build.mjs';
import { alternate, conversation, row, threadCpuNs } from './measure.mjs';

const RING_BYTES = 64 << 20;
const ROUNDS = 15;
const WARM_UP_ROUNDS = 12;
/** Rows that columns take before they are summed up: what stays in the nearest cache. */
const ROWS = 1024;
const COUNT = 400_000;
const TWO_32 = 2 ** 32;

/** The sum as C computes it, but in doubles: exact, because the fields are small. */
let sum = 0;

/**
 * The loops of a consumer of one kind of event, over one open step of the ring. Each is a function
 * of its own, as in a program that knows its probe; each adds to `sum` and returns its records.
 * @param {any} decoder
 * @param {'small' | 'wide'} kind
 * @returns {Record<'columns' | 'cursor', (ring: RingReader) => number>}
 */
function readers(decoder, kind) {
  const wide = kind === 'wide';
  const columns = wide ? new decoder.WideColumns(ROWS) : new decoder.SmallColumns(ROWS);
  const sumColumns = wide ? sumWideColumns : sumSmallColumns;
  const r = wide ? new decoder.WideCursor() : new decoder.SmallCursor();
  return {
    columns: ring => {
      let records = 0;
      for (let at = ring.next(); at >= 0; at = ring.next()) {
        columns.push(ring.view, at);
        if (columns.rows < ROWS) continue;
        records += ROWS;
        sum += sumColumns(columns);
        columns.reset();
      }
      records += columns.rows;
      sum += sumColumns(columns);
      columns.reset();
      return records;
    },
    cursor: wide ? ring => sumWide(ring, r) : ring => sumSmall(ring, r),
  };
}

/** @param {RingReader} ring @param {any} cursor */
function sumSmall(ring, cursor) {
  let records = 0;
  let total = 0;
  for (let at = ring.next(); at >= 0; at = ring.next()) {
    const r = cursor.at(ring.view, at);
    total += r.ktimeNs + r.address + r.size + r.site;
    records++;
  }
  sum += total;
  return records;
}

/** @param {RingReader} ring @param {any} cursor */
function sumWide(ring, cursor) {
  let records = 0;
  let total = 0;
  for (let at = ring.next(); at >= 0; at = ring.next()) {
    const r = cursor.at(ring.view, at);
    total += r.ktimeNs + r.address + r.size + r.stack + r.caller + r.tid + r.kind + r.goid;
    records++;
  }
  sum += total;
  return records;
}

/** @param {any} c */
function sumSmallColumns(c) {
  let total = 0;
  for (let i = 0; i < c.rows; i++) {
    total += c.ktimeNsLo[i] + c.ktimeNsHi[i] * TWO_32 + c.addressLo[i] + c.addressHi[i] * TWO_32;
    total += c.size[i] + c.site[i];
  }
  return total;
}

/** @param {any} c */
function sumWideColumns(c) {
  let total = 0;
  for (let i = 0; i < c.rows; i++) {
    total += c.ktimeNsLo[i] + c.ktimeNsHi[i] * TWO_32 + c.addressLo[i] + c.addressHi[i] * TWO_32;
    total += c.sizeLo[i] + c.sizeHi[i] * TWO_32 + c.stackLo[i] + c.stackHi[i] * TWO_32;
    total += c.callerLo[i] + c.callerHi[i] * TWO_32 + c.goidLo[i] + c.goidHi[i] * TWO_32;
    total += c.tid[i] + c.kind[i];
  }
  return total;
}

/** What the fields of `count` records sum up to, by the formulas of native/produce.bpf.c. */
function expectedSum(/** @type {'small' | 'wide'} */ kind, /** @type {number} */ count) {
  let total = 0;
  for (let i = 0; i < count; i++) {
    total += i + 0x10000 + i * 64 + (i & 0xffff) + (i & 0xff);
    if (kind === 'wide') total += 0x400000 + (i & 0xfff) + (i & 7) + (i & 3) + (i & 1023);
  }
  return total;
}

/** Runs the comparison and prints its table. */
export async function drain() {
  const decoder = await recordsDecoder();
  const c = await conversation(cProgram('drain_baseline'), [bpfObject('produce')]);
  const ringId = Number((await c.next()).split(' ')[1]);
  const byId = koffi.load('libbpf.so.1').func('int bpf_map_get_fd_by_id(uint32_t id)');
  const fd = byId(ringId);
  if (fd < 0) throw new Error(`open ring ${ringId} by its id: ${fd}; root is needed`);
  // Mapped once, as C's is: the first touch of a mapping costs a page fault per page.
  const memory = mapRing(fd, RING_BYTES);
  for (const kind of /** @type {const} */ (['small', 'wide'])) {
    const expected = expectedSum(kind, COUNT);
    const fill = async () => {
      const produced = Number(await c.ask(`${kind} ${COUNT}`));
      if (produced !== COUNT) throw new Error(`filled ${produced} of ${COUNT} ${kind} records`);
    };
    const variants = {
      c: async () => {
        await fill();
        const [records, ns] = (await c.ask('consume 0')).split(' ').map(Number);
        if (records !== COUNT) throw new Error(`C read ${records} of ${COUNT} records`);
        return /** @type {number} */ (ns) / COUNT;
      },
      ...Object.fromEntries(
        Object.entries(readers(decoder, kind)).map(([name, reader]) => [
          name,
          async () => {
            await fill();
            return drainOnce(memory, reader, expected);
          },
        ]),
      ),
    };
    const result = await alternate(ROUNDS, variants, WARM_UP_ROUNDS);
    const bytes = kind === 'small' ? 32 : 64;
    const base = /** @type {import('./measure.mjs').Summary} */ (result['c']);
    row(`drain ${bytes} B, C ring_buffer__consume`, base, 'ns/record');
    for (const [name, goal] of /** @type {const} */ ([
      ['columns', 1.3],
      ['cursor', 2],
    ])) {
      const own = /** @type {import('./measure.mjs').Summary} */ (result[name]);
      const value = own.median / base.median;
      row(`drain ${bytes} B, ${name}`, own, 'ns/record', { value, goal, what: 'x C' });
    }
  }
  memory.release();
  closeFd(fd);
  await c.end();
}

/**
 * @param {import('@sonde/core/ringbuf').RingMemory} memory
 * @param {(ring: RingReader) => number} reader
 * @param {number} expected
 */
function drainOnce(memory, reader, expected) {
  const ring = new RingReader(memory);
  sum = 0;
  let records = 0;
  const before = threadCpuNs();
  do {
    ring.begin();
    records += reader(ring);
  } while (ring.commit());
  const ns = threadCpuNs() - before;
  if (records !== COUNT) throw new Error(`read ${records} of ${COUNT} records`);
  if (sum !== expected) throw new Error(`the fields sum to ${sum}, not ${expected}`);
  return ns / COUNT;
}
