/** The table of rules: every key is found where BPF looks for it, and none is ever replaced. */
import t from 'tap';
import { RULE_SLOTS, RULE_TABLE_BYTES, ruleKey, RuleTable } from './rule-table.js';

/** The lookup of bpf/sonde_unwind.bpf.h, word for word. */
function lookup(words: BigUint64Array, key: bigint): bigint {
  const first = BigInt.asUintN(64, key * 0x9e3779b97f4a7c15n) >> 48n;
  for (let i = 0n; i < 4n; i++) {
    const index = Number((first + i) & BigInt(RULE_SLOTS - 1));
    if (words[2 * index] === key) return words[2 * index + 1]!;
  }
  return 0n;
}

t.test('what is installed is found, and what is not is missing', async t => {
  const memory = new ArrayBuffer(RULE_TABLE_BYTES);
  const table = new RuleTable(memory);
  const words = new BigUint64Array(memory);
  for (let i = 1; i <= 5000; i++) {
    table.install(ruleKey(0x7f0000000000 + 24 * i, i % 2 === 0), BigInt(i));
  }
  let found = 0;
  for (let i = 1; i <= 5000; i++) {
    const rule = lookup(words, ruleKey(0x7f0000000000 + 24 * i, i % 2 === 0));
    if (rule === BigInt(i)) found++;
    else t.equal(rule, 0n, 'never the rule of another address');
  }
  t.equal(found, table.count);
  t.ok(found > 4900, `${found} of 5000 had room`);
  t.equal(lookup(words, ruleKey(0x7f0000000000 + 24 * 2, false)), 0n, 'exact is another key');
});

t.test('an address keeps its first rule until everything is forgotten', async t => {
  const memory = new ArrayBuffer(RULE_TABLE_BYTES);
  const table = new RuleTable(memory);
  const words = new BigUint64Array(memory);
  t.ok(table.install(0x1000n, 7n));
  t.ok(table.install(0x1000n, 8n));
  t.equal(lookup(words, 0x1000n), 7n);
  t.equal(table.count, 1);
  table.clear();
  t.equal(lookup(words, 0x1000n), 0n);
  t.ok(table.install(0x1000n, 8n));
  t.equal(lookup(words, 0x1000n), 8n);
});

t.test('a key whose four slots are taken has no room, and says so', async t => {
  const memory = new ArrayBuffer(RULE_TABLE_BYTES);
  const table = new RuleTable(memory);
  const slotOf = (key: bigint): bigint => BigInt.asUintN(64, key * 0x9e3779b97f4a7c15n) >> 48n;
  const same: bigint[] = [];
  for (let key = 1n; same.length < 5; key++) if (slotOf(key) === 99n) same.push(key);
  t.same(
    same.map(key => table.install(key, 1n)),
    [true, true, true, true, false],
  );
});
