/**
 * First touches of pages by programs built with every Go release, stripped as they are shipped,
 * against what the programs print of themselves. What a reader would get wrong: the faults are the
 * kernel's and know no Go release, but the stack behind a C function needs the goroutine's own.
 */
import { openSession } from '@sonde/core';
import { StackSymbolizer } from '@sonde/core/stacks';
import {
  ask,
  CHURNED_GOROUTINES,
  ownFunctions,
  releaseList,
  startTruth,
  witness,
  type WorkloadLine,
} from '@sonde/vm-tests/kit';
import t from 'tap';
import { probe } from './gen/pagefault.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const PAGES = 6;
/** Where on each page the program touches it; older arm64 kernels tell the page alone. */
const TOUCHED_BYTE = 8n;

interface TracedEvent {
  readonly address: bigint;
  readonly stack: bigint;
  readonly tid: number;
}

/** Faults of each page that a line names, in the order of the pages. */
function faultsOf(events: readonly TracedEvent[], line: WorkloadLine): TracedEvent[][] {
  const start = BigInt(String(line['address']));
  return Array.from({ length: Number(line['pages']) }, (_, page) => {
    const address = start + BigInt(page * Number(line['pageBytes']));
    return events.filter(e => e.address === address || e.address === address + TOUCHED_BYTE);
  });
}

const { programs, missing } = releaseList();

for (const { goRelease, reason } of missing) {
  t.test(`Go ${goRelease}`, { skip: reason }, () => undefined);
}

for (const program of programs) {
  t.test(`Go ${program.goRelease}, ${program.build}`, async test => {
    const { goRelease, build } = program;
    const report = witness(test, { probe: 'pagefault', points: ['fault'], goRelease, build });
    const workload = await startTruth(program);
    test.teardown(() => workload.stop());
    const session = await openSession({
      pid: workload.pid,
      maxOverhead: 'off',
      probes: [{ module: probe, mode: 'stream' }],
    });
    test.teardown(() => session.close());
    const events: TracedEvent[] = [];
    session.onEvent('pagefault', 'fault', (view, offset) => {
      events.push(probe.events['fault']?.decode(view, offset) as unknown as TracedEvent);
    });
    const touched = await ask(workload, `touch ${PAGES}`, 'done');
    await ask(workload, `churn ${CHURNED_GOROUTINES}`, 'churned');
    session.drain();
    session.refresh();
    const names = new StackSymbolizer(session.process);
    let compared = 0;
    for (const line of touched.lines) {
      const faults = faultsOf(events, line);
      test.ok(Math.min(...faults.map(each => each.length)) >= 1, `each page by ${line['how']}`);
      const wrapper = line['how'] === 'c' ? ['main._Cfunc_truth_touch'] : [];
      for (const event of faults.flat()) {
        test.equal(event.tid, line['tid']);
        const own = ownFunctions(names.symbolize(session.stack(event.stack)));
        test.same(own, [...wrapper, ...(line['functions'] as string[])]);
        compared++;
      }
    }
    report.saw(session, compared);
    test.match(session.losses(), { ringFull: 0, stackLost: 0, malformed: 0 });
    await session.stop();
    workload.send('exit');
    test.equal(await workload.exited, 0, 'the program outlived the trace');
  });
}
