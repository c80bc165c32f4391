/**
 * Page faults of a program of known truth, by each program of the probe. What a reader would get
 * wrong: four of the five tests fail, and have to. So this file is not named as tests are; what
 * runs it in guests, and asks the report which of them failed, is seeded.test.ts.
 */
import { openSession } from '@sonde/core';
import { startWorkload, witness } from '@sonde/vm-tests/kit';
import t from 'tap';
import { probe } from './gen/seeded.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const PAGES = 8;
/** Where on each page the program touches it; older arm64 kernels tell the page alone. */
const TOUCHED_BYTE = 8n;

for (const { name, oneOf } of probe.ir.attach) {
  void t.test(`${name}: each page that the program touched`, async test => {
    const attach = { [name]: oneOf[0]?.name ?? '' };
    const report = witness(test, { probe: 'seeded', points: [name], attach });
    const workload = startWorkload('touch');
    test.teardown(() => workload.stop());
    await workload.next();
    const others = probe.ir.attach.map(each => each.name).filter(each => each !== name);
    const session = await openSession({
      pid: workload.pid,
      maxOverhead: 'off',
      wholeStacks: false,
      probes: [{ module: probe, skipPoints: others }],
    });
    test.teardown(() => session.close());
    const seen = new Set<bigint>();
    session.onEvent('seeded', name, (view, offset) => {
      seen.add(probe.events[name]?.decode(view, offset)['address'] as bigint);
    });
    const line = await workload.command(`write ${PAGES}`);
    session.drain();
    const start = BigInt(String(line['address']));
    const step = BigInt(Number(line['pageBytes']));
    const missed = Array.from({ length: PAGES }, (_, page) => start + step * BigInt(page)).filter(
      page => !seen.has(page) && !seen.has(page + TOUCHED_BYTE),
    );
    test.equal(
      missed.length,
      0,
      `${seen.size} addresses came; ${missed.length} of ${PAGES} pages were not among them`,
    );
    report.saw(session, PAGES - missed.length);
    workload.send('exit');
  });
}
