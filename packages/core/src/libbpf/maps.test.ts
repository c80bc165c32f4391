/** Maps of a real kernel: batches longer than a chunk, per-CPU slots, sums. */
import t from 'tap';
import { hostLane } from '../testing/index.js';
import {
  closeFd,
  createMap,
  deleteFromMap,
  lookupMap,
  MapType,
  possibleCpus,
  readCounters,
  readMapRows,
  SystemCallError,
  updateMap,
  valueStride,
} from './index.js';

const skip = await hostLane();

t.test('a hash map of many batches is read whole', { skip }, async t => {
  const shape = { type: MapType.HASH, name: 'rows', keyBytes: 8, valueBytes: 16 };
  const map = createMap({ ...shape, maxEntries: 50_000 });
  t.teardown(() => closeFd(map.fd));
  t.equal(readMapRows(map).count, 0);
  const rows = 40_000;
  for (let i = 1; i <= rows; i++) {
    updateMap(map, new BigUint64Array([BigInt(i)]), new BigUint64Array([BigInt(2 * i), 7n]));
  }
  const read = readMapRows(map);
  t.equal(read.count, rows);
  t.equal(read.cpus, 1);
  let keys = 0n;
  let wrong = 0;
  for (let i = 0; i < read.count; i++) {
    const key = read.keys.getBigUint64(8 * i, true);
    keys += key;
    if (read.values.getBigUint64(16 * i, true) !== 2n * key) wrong++;
  }
  t.equal(keys, (BigInt(rows) * BigInt(rows + 1)) / 2n, 'each key once');
  t.equal(wrong, 0, 'values belong to their keys');
  deleteFromMap(map, new BigUint64Array([5n]));
  deleteFromMap(map, new BigUint64Array([5n]));
  t.equal(readMapRows(map).count, rows - 1);
});

t.test('a full map says so', { skip }, async t => {
  const shape = { type: MapType.HASH, name: 'full', keyBytes: 8, valueBytes: 8 };
  const map = createMap({ ...shape, maxEntries: 1 });
  t.teardown(() => closeFd(map.fd));
  const [one, two] = [new BigUint64Array([1n]), new BigUint64Array([2n])];
  updateMap(map, one, one);
  t.throws(() => updateMap(map, two, two), { name: 'SystemCallError', errno: 7 });
  t.equal(lookupMap(map, two, new Uint8Array(valueStride(map))), false);
});

t.test('per-CPU values have a slot for every possible CPU', { skip }, async t => {
  const cpus = possibleCpus();
  for (const type of [MapType.PERCPU_HASH, MapType.PERCPU_ARRAY]) {
    const map = createMap({ type, name: 'percpu', keyBytes: 4, valueBytes: 8, maxEntries: 3 });
    t.teardown(() => closeFd(map.fd));
    const values = BigUint64Array.from({ length: cpus }, (_, cpu) => BigInt(cpu + 1));
    updateMap(map, new Uint32Array([2]), values);
    const rows = readMapRows(map);
    t.equal(rows.cpus, cpus);
    t.equal(rows.valueStrideBytes, 8 * cpus);
    t.equal(rows.count, type === MapType.PERCPU_HASH ? 1 : 3);
    if (type === MapType.PERCPU_ARRAY) {
      t.same([...readCounters(map)], [0, 0, (cpus * (cpus + 1)) / 2]);
    }
  }
});

t.test('a map that the kernel refuses is an error with its size', { skip }, async t => {
  const shape = { type: MapType.RINGBUF, name: 'odd', keyBytes: 0, valueBytes: 0 };
  t.throws(() => createMap({ ...shape, maxEntries: 4097 }), SystemCallError);
});
