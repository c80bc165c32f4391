/** The hash in halves against the same arithmetic in 64 bits. */
import t from 'tap';
import { StackHash } from './stack-hash.js';

/** The definition, as sonde_mix has it. */
function mixed(hash: bigint, address: bigint): bigint {
  const product = BigInt.asUintN(64, (hash ^ address) * 0x9e3779b97f4a7c15n);
  return product ^ (product >> 29n);
}

t.test('stacks of addresses of every size', async test => {
  const sizes = [0, 1, 0xffff, 0x10000, 0x7fffffff, 0xffffffff, 2 ** 32, 0x7f1234567891];
  for (const start of [0n, 77n, 0xffffffffffffffffn, 0x8000000000000000n, 0x123456789abcdef0n]) {
    const hash = new StackHash(start);
    let expected = start;
    test.equal(hash.value, start);
    for (const address of [...sizes, 2 ** 53 - 1, 0xffff_ffff_ffff]) {
      hash.mix(address);
      expected = mixed(expected, BigInt(address));
      test.equal(hash.value, expected, `0x${address.toString(16)} behind 0x${start.toString(16)}`);
    }
  }
});

t.test('ten thousand addresses in a row', async test => {
  const hash = new StackHash(0n);
  let [expected, seed] = [0n, 0x55aa55];
  for (let i = 0; i < 10_000; i++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    const address = (seed & 0xffff) * 2 ** 32 + seed;
    hash.mix(address);
    expected = mixed(expected, BigInt(address));
  }
  test.equal(hash.value, expected);
});
