/**
 * Faults inside a function whose return is probed: the kernel has put a trampoline in the place of
 * its return address, and the stack shows the true caller all the same. What a reader would get
 * wrong: the function of the workload is a leaf, so that on arm64 the trampoline is in a register
 * and on x86_64 it is on the stack.
 */
import { openSession, type Session } from '@sonde/core';
import { closeFd, openPerfUprobe } from '@sonde/core/libbpf';
import { CountingProgram } from '@sonde/core/loader';
import { StackSymbolizer } from '@sonde/core/stacks';
import { reportCompared, startWorkload } from '@sonde/vm-tests/kit';
import t, { type Test } from 'tap';
import { probe } from './gen/pagefault.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const PAGES = 20;
const LEAF = 'touch_pages';

/** Probes the return of the workload's C function, as any other tracer could. */
function probeReturn(test: Test, { process: target }: Session): CountingProgram {
  const module = target.moduleAt(BigInt(target.config()['goTextStart'] ?? 0));
  const leaf = module?.elf?.symbols().find(symbol => symbol.name === LEAF);
  const fileOffset = leaf && module?.elf?.vaddrToOffset(leaf.value);
  if (module === undefined || fileOffset === undefined) {
    throw new Error(`probe the return of ${LEAF}: the workload has no such function`);
  }
  const program = new CountingProgram('perf');
  const fd = openPerfUprobe({
    programFd: program.fd,
    path: module.openPath,
    fileOffset,
    pid: target.info.pid,
    returns: true,
  });
  test.teardown(() => {
    closeFd(fd);
    program.close();
  });
  return program;
}

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
  const returns = probeReturn(test, session);
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
