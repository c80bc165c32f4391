/**
 * Large objects made by Go code that C code called back, which Go code had called. What a reader
 * would get wrong: such a goroutine has one stack with frames of both calls, and between them lies
 * C code on another one. The Go frames of both are known; that the C code is left out is said.
 */
import { openSession } from '@sonde/core';
import {
  expectEvents,
  functionsOf,
  recordEvents,
  startWorkload,
  witness,
} from '@sonde/vm-tests/kit';
import t from 'tap';
import { probe, type LargeEvent } from './gen/mallocgc.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const ROUNDS = 3;
/** Above 32 KiB with pages of 4 KiB, and so an object with a span of its own. */
const PAGES = 20;
const CALLED_BACK = ['main.growHeap', 'main.calledBack', 'main.throughC', 'main.main'];
const DIRECT = ['main.growHeap', 'main.main'];
const LEFT_OUT = 'the C code that called back into Go is left out';

t.test('the stack goes on beyond the callback, and says what it leaves out', async t => {
  const seen = witness(t, { probe: 'mallocgc', points: ['large'] });
  const workload = startWorkload('touch');
  t.teardown(() => workload.stop());
  await workload.next();
  const session = await openSession({ pid: workload.pid, probes: [{ module: probe }] });
  t.teardown(() => session.close());
  const log = recordEvents<LargeEvent>(session, probe, 'large');
  const names = functionsOf(session);
  for (let round = 0; round < ROUNDS; round++) {
    for (const how of ['callback-heap', 'heap']) {
      const line = await workload.command(`${how} ${PAGES}`);
      const address = BigInt(String(line['address']));
      const [made] = await expectEvents(log, [{ address, tid: workload.pid }], {
        where: event => event.address === address,
      });
      const stack = made?.stack ?? 0n;
      const functions = names(stack).filter(name => CALLED_BACK.includes(name));
      const back = how === 'callback-heap';
      t.same(functions, back ? CALLED_BACK : DIRECT, `${how}: ${names(stack).join(' ')}`);
      t.equal(session.readStack(stack).truncated, back ? LEFT_OUT : undefined);
    }
  }
  seen.saw(session, 2 * ROUNDS);
});
