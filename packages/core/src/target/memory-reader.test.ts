/** Reads of a live process, tried on this one: many ranges, holes, long ranges, refusals. */
import t from 'tap';
import { NativeMemory } from '../libbpf/index.js';
import { MemoryReader } from './memory-reader.js';

/** Nothing is mapped at the bottom of the address space (vm.mmap_min_addr). */
const HOLE = 0x10n;

t.test('ranges come back in order; a hole costs no other range', async t => {
  const memory = new NativeMemory(4096);
  const reader = new MemoryReader(process.pid);
  t.teardown(() => reader.close());
  t.teardown(() => memory.free());
  for (let i = 0; i < 4096; i++) memory.bytes[i] = i % 251;
  const at = (offset: number, length: number) => ({
    address: memory.address + BigInt(offset),
    length,
  });
  const hole = { address: HOLE, length: 8 };
  const wanted = [at(0, 16), hole, hole, at(7, 1), at(100, 0), at(2000, 96), hole];
  const got = reader.readMany(wanted);
  t.equal(reader.means, 'process_vm_readv');
  t.same(
    got.map(bytes => bytes && [...bytes.subarray(0, 2)]),
    [[0, 1], undefined, undefined, [7], [], [2000 % 251, 2001 % 251], undefined],
  );
});

t.test('more ranges than one call takes, and a range longer than its window', async t => {
  const memory = new NativeMemory(3 << 20);
  const reader = new MemoryReader(process.pid);
  t.teardown(() => reader.close());
  t.teardown(() => memory.free());
  memory.view.setUint32((3 << 20) - 4, 0xfeedface, true);
  const whole = reader.read(memory.address, 3 << 20);
  t.equal(Buffer.from(whole).readUInt32LE((3 << 20) - 4), 0xfeedface);
  const many = Array.from({ length: 5000 }, (_, i) => {
    memory.view.setUint32(8 * i, i, true);
    return { address: memory.address + BigInt(8 * i), length: 4 };
  });
  const got = reader.readMany(many);
  t.ok(got.every((bytes, i) => Buffer.from(bytes!).readUInt32LE(0) === i));
});

t.test('absurd lengths and unmapped memory are refused in one line', async t => {
  const reader = new MemoryReader(process.pid);
  t.throws(() => reader.read(HOLE, 8), {
    name: 'UsageError',
    message: `read 8 bytes of process ${process.pid} at 0x10: not mapped, or the process is gone`,
  });
  t.throws(() => reader.readMany([{ address: HOLE, length: 2 ** 40 }]), { name: 'UsageError' });
  reader.close();
  t.throws(() => reader.read(HOLE, 8));
});
