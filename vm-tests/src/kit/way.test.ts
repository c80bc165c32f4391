/**
 * What an attempt to attach comes to. The kernel is this machine's, whatever it is: one way is in
 * every kernel, and the other is in none yet.
 */
import { LoadError, UnsupportedError } from '@sonde/core';
import t from 'tap';
import { attachBy, type Way } from './way.js';

const OLD: Way = { name: 'kprobe', since: '2.6' };
const FUTURE: Way = { name: 'telepathy', since: '99.0' };
const REFUSALS = [
  new UnsupportedError('attach fault: no BTF', { feature: 'btf', since: '5.5' }),
  new LoadError('load fault_entry: refused'),
];

/** Attaches by a way, as in a guest of the matrix; `said` is what test and report were told. */
async function attempt(way: Way, attach: () => Promise<string>) {
  const said: string[] = [];
  const test = {
    fail: (message: string) => said.push(`fail: ${message}`),
    pass: (message: string, { skip }: { skip: boolean }) => said.push(`skip ${skip}: ${message}`),
  };
  const report = { cannot: (reason: string) => void said.push(`cannot: ${reason}`) };
  return { result: await attachBy(test, way, report, attach), said };
}

t.before(() => {
  process.env['SONDE_CELL'] = 'test';
});

t.test('what attaches is returned, and nobody is told anything', async t => {
  const { result, said } = await attempt(FUTURE, () => Promise.resolve('attached'));
  t.equal(result, 'attached');
  t.strictSame(said, []);
});

for (const refusal of REFUSALS) {
  t.test(`${refusal.name}: skipped where the kernel is too old, failed elsewhere`, async t => {
    const refuse = () => Promise.reject(refusal);
    const tooOld = await attempt(FUTURE, refuse);
    t.equal(tooOld.result, undefined);
    t.match(tooOld.said, [/^cannot: telepathy needs kernel 99\.0/, /^skip true: telepathy needs/]);
    const { result, said } = await attempt(OLD, refuse);
    t.equal(result, undefined);
    t.match(said, [/^fail: kprobe is there since 2\.6/]);
    t.match(said[0], refusal.message, 'with what the kernel said');
  });
}

t.test('an architecture may have a way later than the other, or never', async t => {
  const refuse = () => Promise.reject(REFUSALS[0] as Error);
  const { said } = await attempt({ ...OLD, arm64: 'never' }, refuse);
  t.match(said, process.arch === 'arm64' ? [/^cannot: kprobe does not exist on arm64/] : [/^fail/]);
});

t.test('any other error is thrown on', async t => {
  const broken = attempt(FUTURE, () => Promise.reject(new TypeError('a mistake of the test')));
  await t.rejects(broken, { message: 'a mistake of the test' });
});
