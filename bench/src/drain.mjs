// @ts-check
/**
 * Time to read and decode one record, against libbpf's ring_buffer__consume with a C callback that
 * sums every field. Both read the same ring, filled anew before each turn by the same BPF program;
 * every reader's sum is compared with C's, so that none can win by reading less.
 */
import koffi from 'koffi';
import { closeFd } from '@sonde/core/libbpf';
import { mapRing, RingReader } from '@sonde/core/ringbuf';
import { bpfObject, cProgram, recordsDecoder } from './build.mjs';
import { alternate, conversation, row } from './measure.mjs';

const RING_BYTES = 64 << 20;
const ROUNDS = 9;
const COUNT = 400_000;
const TWO_32 = 2 ** 32;

/** The sum as C computes it, but in doubles: exact, because the fields are small. */
let sum = 0;

/**
 * One reader: what to do with a record, and what remains to be done with all of them.
 * @typedef {{ onRecord: (view: DataView, offset: number) => void, finish: () => void }} Reader
 */

/**
 * @param {any} decoder
 * @param {'small' | 'wide'} kind
 * @returns {Record<string, Reader>}
 */
function readers(decoder, kind) {
  const wide = kind === 'wide';
  const columns = wide ? new decoder.WideColumns(COUNT) : new decoder.SmallColumns(COUNT);
  const cursor = wide ? new decoder.WideCursor() : new decoder.SmallCursor();
  return {
    columns: {
      onRecord: (view, offset) => columns.push(view, offset),
      finish: () => {
        sum += wide ? sumWideColumns(columns) : sumSmallColumns(columns);
        columns.reset();
      },
    },
    cursor: {
      onRecord: wide
        ? (view, offset) => {
            const r = cursor.at(view, offset);
            sum += r.ktimeNs + r.address + r.size + r.stack + r.caller + r.tid + r.kind + r.goid;
          }
        : (view, offset) => {
            const r = cursor.at(view, offset);
            sum += r.ktimeNs + r.address + r.size + r.site;
          },
      finish: () => {},
    },
  };
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
            return drainOnce(fd, reader, expected);
          },
        ]),
      ),
    };
    const result = await alternate(ROUNDS, variants);
    const bytes = kind === 'small' ? 32 : 64;
    const base = /** @type {import('./measure.mjs').Summary} */ (result['c']);
    row(`drain ${bytes} B, C ring_buffer__consume`, base, 'ns/record');
    for (const [name, goal] of /** @type {const} */ ([['columns', 1.3], ['cursor', 2]])) {
      const own = /** @type {import('./measure.mjs').Summary} */ (result[name]);
      const value = own.median / base.median;
      row(`drain ${bytes} B, ${name}`, own, 'ns/record', { value, goal, what: 'x C' });
    }
  }
  closeFd(fd);
  await c.end();
}

/**
 * @param {number} fd
 * @param {Reader} reader
 * @param {number} expected
 */
function drainOnce(fd, reader, expected) {
  const ring = new RingReader(mapRing(fd, RING_BYTES));
  sum = 0;
  const before = process.hrtime.bigint();
  const records = ring.drain(reader.onRecord);
  reader.finish();
  const ns = Number(process.hrtime.bigint() - before);
  ring.close();
  if (records !== COUNT) throw new Error(`read ${records} of ${COUNT} records`);
  if (sum !== expected) throw new Error(`the fields sum to ${sum}, not ${expected}`);
  return ns / COUNT;
}
