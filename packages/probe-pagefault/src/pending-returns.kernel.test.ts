/**
 * Faults inside a function whose return is probed: the kernel has put a trampoline in the place of
 * its return address, and the stack shows the true caller all the same. What a reader would get
 * wrong: the function of the workload is a leaf, so that on arm64 the trampoline is in a register
 * and on x86_64 it is on the stack.
 */
import { openSession } from '@sonde/core';
import { StackSymbolizer } from '@sonde/core/stacks';
import { probeReturns, reportCompared, startWorkload } from '@sonde/vm-tests/kit';
import t from 'tap';
import { probe } from './gen/pagefault.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const PAGES = 20;
const LEAF = 'touch_pages';

t.test('a fault inside a function whose return is probed has its true callers', async test => {
  const workload = startWorkload('touch');
  test.teardown(() => {
    workload.send('exit');
    return workload.stop();
  });
  await workload.next();
  const session = await openSession({
    pid: workload.pid,
    maxOverhead: 'off',
    probes: [{ module: probe, mode: 'stream' }],
  });
  test.teardown(() => session.close());
  const seen: { readonly address: bigint; readonly stack: bigint }[] = [];
  session.onEvent('pagefault', 'fault', (view, offset) => {
    seen.push(probe.events['fault']?.decode(view, offset) as unknown as (typeof seen)[number]);
  });
  const returns = probeReturns(test, session, [LEAF]);
  const symbolizer = new StackSymbolizer(session.process);
  let compared = 0;
  // The first time the stack is unwound in user space, the second in the kernel.
  for (const round of ['copied', 'walked']) {
    returns.reset();
    seen.length = 0;
    const line = await workload.command(`c ${PAGES}`);
    session.drain();
    test.equal(returns.count(), 1, 'the return was probed');
    const start = BigInt(String(line['address']));
    const end = start + BigInt(PAGES * Number(line['pageBytes']));
    const faults = seen.filter(({ address }) => address >= start && address < end);
    test.ok(faults.length >= PAGES, `${round}: ${faults.length} faults`);
    for (const { stack } of faults) {
      const { pcs, truncated } = session.readStack(stack);
      const names = symbolizer.symbolize(pcs).map(frame => frame.function);
      if (truncated !== undefined || names[0] !== LEAF || !names.includes('main.main')) {
        test.fail(`${round}: ${names.join(' < ')}; truncated: ${truncated}`);
        break;
      }
    }
    compared += faults.length;
  }
  reportCompared(compared);
});
