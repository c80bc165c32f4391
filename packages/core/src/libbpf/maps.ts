/**
 * Reads and writes of BPF maps by file descriptor. The fact that is easy to get wrong: values of
 * per-CPU maps come back as one slot per *possible* CPU, each rounded up to eight bytes.
 */
import { errnoText, lastErrno, libbpf, type Bytes } from './library.js';
import { Errno, SystemCallError } from './syscalls.js';

/** `enum bpf_map_type` (include/uapi/linux/bpf.h), the types that probes use. */
export const MapType = {
  HASH: 1,
  ARRAY: 2,
  PERCPU_HASH: 5,
  PERCPU_ARRAY: 6,
  STACK_TRACE: 7,
  LRU_HASH: 9,
  LRU_PERCPU_HASH: 10,
  RINGBUF: 27,
} as const;

/** What is needed to create a map. */
export interface MapShape {
  readonly type: number;
  readonly name: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly maxEntries: number;
  /** `BPF_F_*` of the map's creation; 0 when left out. */
  readonly flags?: number;
}

/** `struct bpf_map_create_opts` of libbpf (bpf.h): bytes up to map_ifindex, place of the flags. */
const CREATE_OPTIONS_BYTES = 48;
const CREATE_FLAGS = 28;

/** A map that exists, with its shape. */
export interface MapHandle extends MapShape {
  readonly fd: number;
}

/** All rows of a map: `count` keys and values, one after another. */
export interface MapRows {
  readonly count: number;
  readonly keys: DataView;
  readonly values: DataView;
  readonly keyBytes: number;
  /** Bytes of one value of one CPU. */
  readonly valueBytes: number;
  /** Bytes from one row's value to the next: `cpus` slots, each rounded up to eight. */
  readonly valueStrideBytes: number;
  /** 1, or the number of possible CPUs for per-CPU maps: value of CPU c at c × slot. */
  readonly cpus: number;
}

/** Number of CPUs that the kernel may ever bring up, which per-CPU values have slots for. */
export function possibleCpus(): number {
  const cpus = Number(libbpf().libbpf_num_possible_cpus());
  if (cpus <= 0) throw new SystemCallError('count possible CPUs', -cpus);
  return cpus;
}

/** Whether values of this map type come with one slot per CPU. */
export function isPerCpu(type: number): boolean {
  return (
    type === MapType.PERCPU_HASH ||
    type === MapType.PERCPU_ARRAY ||
    type === MapType.LRU_PERCPU_HASH
  );
}

/** Bytes that one lookup writes: the value, or one rounded slot per possible CPU. */
export function valueStride(map: MapShape): number {
  if (!isPerCpu(map.type)) return map.valueBytes;
  return Math.ceil(map.valueBytes / 8) * 8 * possibleCpus();
}

/** Creates a map and returns its handle, to be closed by the caller. Throws SystemCallError. */
export function createMap(shape: MapShape): MapHandle {
  const { type, name, keyBytes, valueBytes, maxEntries, flags = 0 } = shape;
  const options = new DataView(new ArrayBuffer(CREATE_OPTIONS_BYTES));
  options.setBigUint64(0, BigInt(CREATE_OPTIONS_BYTES), true);
  options.setUint32(CREATE_FLAGS, flags, true);
  const bytes = new Uint8Array(options.buffer);
  const fd = Number(libbpf().bpf_map_create(type, name, keyBytes, valueBytes, maxEntries, bytes));
  if (fd < 0) throw new SystemCallError(`create map ${name} of ${maxEntries} entries`, -fd);
  return { ...shape, fd };
}

/** Writes one row. Throws SystemCallError, E2BIG when the map is full. */
export function updateMap(map: MapHandle, key: Bytes, value: Bytes): void {
  const result = Number(libbpf().bpf_map_update_elem(map.fd, key, value, 0));
  if (result < 0) throw new SystemCallError(`update map ${map.name}`, -result);
}

/** Reads one row into `value`, which has valueStride(map) bytes. Returns false when absent. */
export function lookupMap(map: MapHandle, key: Bytes, value: Bytes): boolean {
  const result = Number(libbpf().bpf_map_lookup_elem(map.fd, key, value));
  if (result === -Errno.ENOENT) return false;
  if (result < 0) throw new SystemCallError(`look up in map ${map.name}`, -result);
  return true;
}

/** Deletes one row; an absent one is no error. */
export function deleteFromMap(map: MapHandle, key: Bytes): void {
  const result = Number(libbpf().bpf_map_delete_elem(map.fd, key));
  if (result < 0 && result !== -Errno.ENOENT) {
    throw new SystemCallError(`delete from map ${map.name}`, -result);
  }
}

/** Rows per lookup_batch call: large enough to amortise the call, small enough for one buffer. */
const BATCH_ROWS = 16384;

interface Rows {
  keys: Uint8Array;
  values: Uint8Array;
  count: number;
}

function grow(rows: Rows, map: MapShape, stride: number, wanted: number): void {
  const capacity = Math.max(wanted, 2 * rows.count);
  const keys = new Uint8Array(capacity * map.keyBytes);
  keys.set(rows.keys.subarray(0, rows.count * map.keyBytes));
  rows.keys = keys;
  const values = new Uint8Array(capacity * stride);
  values.set(rows.values.subarray(0, rows.count * stride));
  rows.values = values;
}

function room(rows: Rows, map: MapShape, more: number, stride: number): void {
  if (rows.keys.length < (rows.count + more) * map.keyBytes) {
    grow(rows, map, stride, rows.count + more);
  }
}

/** Returns false when the kernel has no batch operation for this map (before 5.6). */
function readBatches(map: MapHandle, stride: number, rows: Rows): boolean {
  const cursor = new Uint8Array(Math.max(8, map.keyBytes));
  let chunk = Math.min(BATCH_ROWS, Math.max(map.maxEntries, 1));
  const count = new Uint32Array(1);
  let position: Uint8Array | null = null;
  for (;;) {
    room(rows, map, chunk, stride);
    count[0] = chunk;
    const keys = rows.keys.subarray(rows.count * map.keyBytes);
    const values = rows.values.subarray(rows.count * stride);
    const result = Number(
      libbpf().bpf_map_lookup_batch(map.fd, position, cursor, keys, values, count, null),
    );
    if (result === -Errno.ENOSPC) {
      chunk *= 2; // one hash bucket holds more rows than the chunk has room for
      continue;
    }
    const unsupported = [Errno.EINVAL, Errno.ENOTSUPP, Errno.EOPNOTSUPP].some(e => -result === e);
    if (unsupported && position === null) return false;
    if (result < 0 && result !== -Errno.ENOENT) {
      throw new Error(`read map ${map.name} in batches: ${errnoText(result)}`);
    }
    rows.count += count[0] ?? 0;
    if (result === -Errno.ENOENT || rows.count >= map.maxEntries) return true;
    position = cursor;
  }
}

/** Key by key, bounded by the map's size: get_next_key of a deleted key starts over. */
function readOneByOne(map: MapHandle, stride: number, rows: Rows): void {
  let key: Uint8Array | null = null;
  for (let step = 0; step <= 2 * map.maxEntries; step++) {
    const next = new Uint8Array(map.keyBytes);
    const result = Number(libbpf().bpf_map_get_next_key(map.fd, key, next));
    if (result === -Errno.ENOENT) return;
    if (result < 0) throw new Error(`read map ${map.name}: ${errnoText(lastErrno())}`);
    room(rows, map, 1, stride);
    if (lookupMap(map, next, rows.values.subarray(rows.count * stride))) {
      rows.keys.set(next, rows.count * map.keyBytes);
      rows.count++;
    }
    key = next;
  }
}

/**
 * Reads every row of a map, in batches where the kernel has them (hash 5.6, per-CPU array 5.13).
 * Costs about 0.3 µs per row. Rows that change meanwhile may be seen before or after the change.
 */
export function readMapRows(map: MapHandle): MapRows {
  const stride = valueStride(map);
  const rows: Rows = { keys: new Uint8Array(0), values: new Uint8Array(0), count: 0 };
  if (!readBatches(map, stride, rows)) {
    rows.count = 0;
    readOneByOne(map, stride, rows);
  }
  return {
    count: rows.count,
    keys: new DataView(rows.keys.buffer, 0, rows.count * map.keyBytes),
    values: new DataView(rows.values.buffer, 0, rows.count * stride),
    keyBytes: map.keyBytes,
    valueBytes: map.valueBytes,
    valueStrideBytes: stride,
    cpus: isPerCpu(map.type) ? possibleCpus() : 1,
  };
}

/**
 * Reads an array map of u64 slots, or a per-CPU one summed over the CPUs. Returns one number per
 * entry; exact up to 2^53.
 */
export function readCounters(map: MapHandle): Float64Array {
  const totals = new Float64Array(map.maxEntries);
  const value = new Uint8Array(valueStride(map));
  const view = new DataView(value.buffer);
  const key = new Uint32Array(1);
  for (let i = 0; i < map.maxEntries; i++) {
    key[0] = i;
    if (!lookupMap(map, key, value)) continue;
    for (let at = 0; at < value.length; at += 8) {
      totals[i] = (totals[i] ?? 0) + Number(view.getBigUint64(at, true));
    }
  }
  return totals;
}
