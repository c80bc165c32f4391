/**
 * Allocations inside functions whose returns are probed, by another tracer here: the kernel has put
 * a trampoline in the place of their return addresses, and the stack shows the true callers all the
 * same. What a reader would get wrong: `grab` jumps to malloc, so that the trampoline is malloc's
 * own return address at its entry; the other functions keep theirs somewhere in their frames.
 */
import { probeReturns, reportCompared, startWorkload } from '@sonde/vm-tests/kit';
import t from 'tap';
import { end, trace } from './testing/traced.js';
import { WalkJudge } from './testing/walks.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const DEPTH = 3;
const CALLERS = ['last_jumped', ...Array<string>(DEPTH + 1).fill('descend'), 'take_jumped'];
const PROBED = ['grab', 'descend', 'take_jumped'];

t.test(
  'an allocation inside functions whose returns are probed has its true callers',
  async test => {
    const traced = await trace(startWorkload('known'), { request: { mode: 'stream' } });
    test.teardown(() => end(traced));
    const { session, workload, events } = traced;
    const returns = probeReturns(test, session, PROBED);
    const judge = new WalkJudge(session);
    let compared = 0;
    // The first stack is unwound in user space, the second is walked in the kernel.
    for (const round of ['copied', 'walked']) {
      returns.reset();
      events.length = 0;
      const line = await workload.command(`jump ${DEPTH}`);
      session.drain();
      test.equal(returns.count(), DEPTH + 3, `${round}: as many returns as calls were probed`);
      const address = BigInt(String(line['address']));
      const walked = judge.walked(events).filter(each => each.address === address);
      test.equal(walked.length, 1, `${round}: one event`);
      for (const each of walked) {
        test.equal(judge.fault(each), undefined, `${round}: the stack is whole`);
        test.same(judge.functions(each).slice(0, CALLERS.length), CALLERS, round);
        compared++;
      }
    }
    await workload.command('release');
    session.refresh();
    test.match(session.losses(), { stackLost: 0, readFailed: 0, unpaired: 0, malformed: 0 });
    reportCompared(compared);
  },
);
