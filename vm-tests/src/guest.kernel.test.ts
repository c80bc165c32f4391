/**
 * The smallest kernel test: a guest boots, its userland is whole, and libbpf talks to its kernel.
 *
 * It depends on no probe, so when it fails the fault lies in the image or the runner. The oracle is
 * the kernel's own count of a map's entries.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { networkInterfaces, release } from 'node:os';
import koffi from 'koffi';
import t from 'tap';
import { cellInfo, reportCompared } from './kit/index.js';

const BPF_MAP_TYPE_HASH = 1;

t.test('the kernel is the one that the cell names', async t => {
  const cell = cellInfo();
  t.equal(readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(), release());
  if (cell.lane === 'guest') {
    const kernel = cell.name.slice(0, cell.name.lastIndexOf('-')).replace(/x$/, '');
    t.ok(release().startsWith(kernel), `${release()} is ${cell.name}`);
  }
});

t.test('a guest has no network but its own loopback', async t => {
  const devices = readdirSync('/sys/class/net');
  if (cellInfo().lane !== 'guest') {
    t.ok(devices.includes('lo'), 'the host may have others');
    return;
  }
  t.strictSame(devices, ['lo']);
  const addresses = Object.values(networkInterfaces()).flatMap(each => each ?? []);
  t.ok(
    addresses.every(each => each.internal),
    JSON.stringify(addresses),
  );
});

t.test('a hash map holds what libbpf put into it', async t => {
  const bpf = koffi.load('libbpf.so.1');
  const create = bpf.func(
    'int bpf_map_create(int type, const char *name, uint32_t key, uint32_t value, ' +
      'uint32_t max, void *opts)',
  );
  const update = bpf.func(
    'int bpf_map_update_elem(int fd, void *key, void *value, uint64_t flags)',
  );
  const lookup = bpf.func('int bpf_map_lookup_elem(int fd, void *key, _Out_ uint8_t *value)');
  const fd = create(BPF_MAP_TYPE_HASH, 'guest_test', 4, 8, 64, null) as number;
  t.ok(fd >= 0, `bpf_map_create gave ${fd}`);
  let compared = 0;
  for (let i = 0; i < 64; i++) {
    const key = new Uint32Array([i]);
    t.equal(update(fd, key, new BigUint64Array([BigInt(i) * 3n]), 0), 0);
  }
  for (let i = 0; i < 64; i++) {
    const value = new Uint8Array(8);
    t.equal(lookup(fd, new Uint32Array([i]), value), 0);
    if (new DataView(value.buffer).getBigUint64(0, true) === BigInt(i) * 3n) compared++;
  }
  t.equal(compared, 64);
  reportCompared(compared);
});
