/**
 * `sonde trace` as a user starts it, on programs that leak C memory at a rate that they know: who
 * leaks is named, and how much is what the program counted. Run by the host and by every guest.
 *
 * The fact readers get wrong: the report also holds what was allocated while the probes were being
 * attached, before its window began, and what the program still uses. So its growth from one second
 * on is compared with what the program lost in the same time.
 */
import t, { type Test } from 'tap';
import {
  kernelAtLeast,
  cellInfo,
  releaseList,
  reportCompared,
  startTruth,
  startWorkload,
} from '@sonde/vm-tests/kit';
import { traceLeak, type Finding } from './testing/traced-program.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

/** What was lost at a moment, on the line between what was said before and after it. */
function lostAt(said: Finding['said'], atMs: number): number {
  const after = said.findIndex(([at]) => at >= atMs);
  const [later, earlier] = [said[after === -1 ? said.length - 1 : after], said[after - 1]];
  if (later === undefined) return 0;
  if (earlier === undefined || later[0] === earlier[0]) return later[1];
  const share = (atMs - earlier[0]) / (later[0] - earlier[0]);
  return earlier[1] + share * (later[1] - earlier[1]);
}

/** The one C leak: its functions, and its growth beside what the program counted. */
function compareLeak(test: Test, { report, said }: Finding, functions: string[]): void {
  const [leak, ...others] = report.suspects.filter(each => each.class === 'c-leak');
  test.equal(others.length, 0);
  if (leak === undefined) return void test.fail('no leak of C memory was found');
  const names = (leak.frames ?? []).map(frame => frame.function);
  for (const name of functions) test.ok(names.includes(name), `${name} in ${names.join(', ')}`);
  const looks = leak.held.filter(([atSeconds]) => atSeconds >= 1);
  const [first, last] = [looks[0], looks.at(-1)];
  if (!first || !last || looks.length < 5) return void test.fail(`${looks.length} looks`);
  const startMs = Date.parse(report.window.startedAt);
  const lost = lostAt(said, startMs + last[0] * 1000) - lostAt(said, startMs + first[0] * 1000);
  const grown = last[1] - first[1];
  test.ok(leak.bytes >= grown, `${leak.bytes} bytes are held in the end`);
  const off = Math.abs(grown - lost) / lost;
  test.ok(off <= 0.1, `${grown} bytes more are held, the program counts ${lost}`);
  const { mapFull, ringFull, stackLost } = report.losses.total;
  test.same({ mapFull, ringFull, stackLost }, { mapFull: 0, ringFull: 0, stackLost: 0 });
  reportCompared(looks.length + functions.length);
}

t.test('the service of npm start: the C function, its Go caller, and the size', async test => {
  const workload = startWorkload('leaky');
  test.teardown(() => workload.stop());
  await workload.next();
  const finding = await traceLeak('leaky', workload);
  compareLeak(test, finding, ['cache_entry_new', 'main.renderThumbnail']);
});

// Twenty seconds each: where the kernel is oldest, and on the machine itself.
const here = cellInfo().lane === 'host' || !kernelAtLeast('5.15');
const old = here
  ? releaseList()
      .programs.filter(each => each.build === 'stripped-pie')
      .slice(0, 2)
  : [];
for (const program of old) {
  t.test(`Go ${program.goRelease}, ${program.build}: its Go functions are named`, async test => {
    const workload = await startTruth(program);
    test.teardown(() => workload.stop());
    workload.send('leak 5000');
    const finding = await traceLeak(program.program, workload);
    compareLeak(test, finding, ['main._Cfunc_truth_malloc', 'main.leakOne', 'main.leakUntil']);
  });
}
