/** Kernel features as values: what is asked, what is remembered, what is overridden. */
import { release } from 'node:os';
import t from 'tap';
import { hostLane } from '../testing/index.js';
import { feature, FEATURE_NAMES, Features } from './features.js';

const skip = await hostLane();

/** Whether this kernel's release is at least `since`; distributions only ever add to that. */
function isNewer(since: string): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const [sinceMajor = 0, sinceMinor = 0] = since.split('.').map(Number);
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}

t.test('every feature has a release and evidence', async t => {
  const all = await Features.ask();
  for (const name of FEATURE_NAMES) {
    const found = all.get(name);
    t.equal(found.name, name);
    t.match(found.since, /^\d+\.\d+$/);
    t.not(found.evidence, '');
    t.equal(all.has(name), found.available);
  }
});

// Those that no build option takes away: where the release has them, they must be found.
const CERTAIN = ['ringBuffer', 'cookies', 'pidNamespace', 'uprobeMultiProcess'] as const;
for (const name of CERTAIN) {
  t.test(`${name} is found on every kernel that is new enough`, { skip }, async t => {
    const found = await feature(name);
    if (isNewer(found.since)) t.equal(found.available, true, found.evidence);
    else t.match(found.evidence, /./, `Linux ${release()} is older than ${found.since}`);
    t.equal((await feature(name)).evidence, found.evidence, 'the answer is remembered');
  });
}

t.test('an override wins and says so', async t => {
  const features = await Features.ask({ cookies: false, uprobeMulti: true });
  t.match(features.get('cookies'), { available: false, evidence: 'set by the caller' });
  t.equal(features.has('uprobeMulti'), true);
});
