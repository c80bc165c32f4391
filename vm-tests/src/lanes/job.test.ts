/** Where a job's JSON report goes. */
import t from 'tap';
import { redirectJson } from './job.js';

t.test('a path after --json becomes one in the guest, before the target only', async t => {
  t.strictSame(redirectJson(['trace', '--json', 'r.json', '--duration', '5s']), {
    args: ['trace', '--json', '/out/report.json', '--duration', '5s'],
    path: 'r.json',
  });
  t.strictSame(redirectJson(['trace', '--json=r.json']), {
    args: ['trace', '--json', '/out/report.json'],
    path: 'r.json',
  });
  const target = ['trace', '--', 'app', '--json', 'x'];
  t.strictSame(redirectJson(target), { args: target });
});
