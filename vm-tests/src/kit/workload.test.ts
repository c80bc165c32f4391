/** The kit's side of a workload's protocol, against a shell script that speaks it. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startWorkload, workloadPath } from './workload.js';

const SCRIPT = `#!/bin/sh
echo '{"event":"ready","args":"'"$*"'"}'
while read -r word rest; do
  case $word in
    say) echo '{"event":"said","rest":"'"$rest"'"}';;
    twice) echo '{"event":"a"}'; echo '{"event":"b"}';;
    die) echo broken >&2; exit 9;;
    exit) exit 0;;
  esac
done
`;

t.beforeEach(t => {
  const folder = t.testdir();
  for (const name of ['talker', 'talker-go1.24']) {
    writeFileSync(join(folder, name), SCRIPT);
    chmodSync(join(folder, name), 0o755);
  }
  process.env['SONDE_WORKLOADS'] = folder;
});

t.test('lines are read in order, commands are answered, and the end is clean', async t => {
  const workload = startWorkload('talker', ['-a', 'b']);
  t.strictSame(await workload.next(), { event: 'ready', args: '-a b' });
  t.ok(workload.pid > 0);
  t.strictSame(await workload.command('say hello'), { event: 'said', rest: 'hello' });
  workload.send('twice');
  t.strictSame(await workload.until(line => line['event'] === 'b'), { event: 'b' });
  t.equal(workload.seen.length, 4);
  t.equal(await workload.stop(), 0);
});

t.test('a workload that ends says so to whoever waits, with what it complained about', async t => {
  const workload = startWorkload('talker', [], { goRelease: '1.24' });
  await workload.next();
  await t.rejects(workload.command('die'), { message: /talker-go1\.24: it ended with 9: broken/ });
  await t.rejects(workload.next(), { message: /ended with 9/ });
  t.equal(await workload.exited, 9);
});

t.test('silence is an error after the given time', async t => {
  const workload = startWorkload('talker', [], { lineTimeoutMs: 50 });
  // On a busy machine the first line alone may take longer than that.
  while (workload.seen.length === 0) await workload.next().catch(() => undefined);
  await t.rejects(workload.next(), { message: /wait 50 ms for a line/ });
  await workload.stop();
});

t.test('a workload that was not built is named with what builds it', async t => {
  t.throws(() => workloadPath('absent'), { message: /sonde-vm workloads/ });
});
