/** Parts of attaching that need no kernel. */
import t from 'tap';
import { kprobe, tracepoint } from '../schema/index.js';
import { isUserKind, parseCpuList, requireFeature } from './attach.js';
import { Features } from './features.js';

t.test('CPU lists of sysfs', async t => {
  t.same(parseCpuList('0\n'), [0]);
  t.same(parseCpuList('0-3,6,8-9\n'), [0, 1, 2, 3, 6, 8, 9]);
  t.same(parseCpuList('\n'), []);
});

t.test('kinds of the kernel are told from those of the target', async t => {
  t.equal(isUserKind('goReturn'), true);
  t.equal(isUserKind('perfSoftware'), false);
});

t.test('a missing feature is an error with its release and evidence', async t => {
  const features = await Features.ask({ kprobe: false, tracepoint: true });
  t.throws(() => requireFeature(kprobe('handle_mm_fault', { program: 'p' }), features), {
    name: 'UnsupportedError',
    feature: 'kprobe',
    since: '4.17',
    message:
      'attach kprobe:handle_mm_fault: kprobe (Linux 4.17) is not available: set by the caller',
  });
  requireFeature(tracepoint('exceptions', 'page_fault_user', { program: 'p' }), features);
});
