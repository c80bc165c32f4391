/**
 * Real logs, one file each; the name says program, kernel and architecture. To add one, load
 * bpf-tests/NAME.bpf.c on that kernel and store what the verifier wrote (of bad_loop only the end).
 */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { readVerifierCounts, readVerifierLog, shortSummary } from './verifier-log.js';

const LOGS = new URL('../../src/fixtures/verifier-logs/', import.meta.url);

/** Program → what a person must be told. */
const EXPECTED: Readonly<Record<string, { summary: RegExp; source: RegExp; instruction: RegExp }>> =
  {
    bad_memory: {
      summary: /^R0 invalid mem access '(scalar|inv)'$/,
      source: /^return \*place == 7;/,
      instruction: /^\d+: \(79\) r\d = \*\(u64 \*\)\(r0 \+0\)/,
    },
    bad_null: {
      summary: /^R0 invalid mem access 'map_value_or_null'$/,
      source: /^return \*value > 3;/,
      instruction: /^\d+: \(79\) r1 = \*\(u64 \*\)\(r0 \+0\)/,
    },
    bad_loop: {
      summary: /^BPF program is too large\. Processed 1000001 insn$/,
      source: /^while \(bpf_get_prandom_u32\(\) != 1\)/,
      instruction: /^\d+: \([0-9a-f]{2}\) /,
    },
    bad_reference: {
      summary: /^Unreleased reference id=2 alloc_insn=\d+/,
      source: /^}/,
      instruction: /^\d+: \(95\) exit/,
    },
  };

for (const file of readdirSync(LOGS)) {
  t.test(`${file} is summarised`, async t => {
    const log = readFileSync(new URL(file, LOGS), 'utf8');
    const verdict = readVerifierLog(log);
    const expected = EXPECTED[file.split('.')[0] ?? ''];
    t.ok(expected, 'the program is known');
    if (expected === undefined) return;
    t.match(verdict.summary, expected.summary);
    t.match(verdict.source, expected.source);
    t.match(verdict.instruction, expected.instruction);
    t.notMatch(shortSummary(verdict), /\n/);
  });
}

t.test('an empty or foreign log gives an empty verdict, a long one is cut', async t => {
  t.same(readVerifierLog(''), { summary: '', source: '', instruction: '' });
  t.equal(readVerifierLog('processed 3 insns (limit 1)\n').summary, '');
  const long = readVerifierLog(`${'x'.repeat(500)}\n`);
  t.equal(shortSummary(long).length, 200);
});

t.test('the counts come from the last lines, whatever stands around them', async t => {
  const log =
    'stack depth 40+0\nprocessed 59012 insns (limit 1000000) max_states_per_insn 18 ' +
    'total_states 2206 peak_states 633 mark_read 41\n';
  const counts = { instructions: 59012, totalStates: 2206, peakStates: 633 };
  t.same(readVerifierCounts(`verification time 31 usec\n${log}`), counts);
  t.equal(readVerifierCounts(''), undefined);
  t.equal(readVerifierCounts('processed 3 insns (limit 1)'), undefined);
});
