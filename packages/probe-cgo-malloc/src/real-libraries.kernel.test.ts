/**
 * Stacks through libraries that are not ours: sqlite, zstd and libcrypto as Debian builds them,
 * dynamic with a stripped Go program, and static. What a reader would get wrong: nothing here knows
 * what the stacks should be. Each return address has to follow a call, each C part to end in Go
 * code, and the set of stacks to be the same on every kernel, which the runner compares.
 */
import { reportCompared, reportSame, startWorkload } from '@sonde/vm-tests/kit';
import t from 'tap';
import { end, linesUntil, trace } from './testing/traced.js';
import { digestOf, WalkJudge, type Walked } from './testing/walks.js';

const ROUNDS = 2;
/** Distinct stacks of two rounds: some two thousand. */
const STACKS_MAX = 8192;

for (const program of ['realc-stripped', 'realc-static']) {
  t.test(`${program}: every stack is whole, copied or walked`, async test => {
    const traced = await trace(startWorkload(program), {
      request: { mode: 'stream' },
      session: { stacksMax: STACKS_MAX },
    });
    test.teardown(() => end(traced));
    const { session, events, workload } = traced;
    const judge = new WalkJudge(session);
    const passes: Walked[][] = [];
    for (const pass of ['cold', 'warm']) {
      workload.send(`take ${ROUNDS}`);
      await linesUntil(workload, 'taken');
      session.drain();
      // Threads that the Go runtime starts allocate too, when they like.
      const own = judge.walked(events).filter(each => each.tid === workload.pid);
      const { copies, rules } = session.unwinding()!;
      test.comment(`${pass}: ${own.length} allocations, ${copies} copies so far, ${rules} rules`);
      passes.push(own);
      events.length = 0;
    }
    const all = new Map(passes.flat().map(each => [judge.signature(each), each]));
    const faults = [...all.values()].flatMap(each => judge.fault(each) ?? []);
    test.same(faults.slice(0, 4), [], `${all.size} stacks`);
    session.refresh();
    test.match(session.losses(), { stackLost: 0, readFailed: 0, ringFull: 0, malformed: 0 });
    const addresses = [...all.values()].reduce((sum, { cCount }) => sum + cCount, 0);
    test.comment(`${all.size} stacks, ${addresses} return addresses of C`);
    reportSame(`stacks of ${program}`, digestOf(all.keys()));
    reportCompared(all.size);
  });
}
