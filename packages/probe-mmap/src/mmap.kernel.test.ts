/**
 * Changes of the address space against what the program says of each call that it made. What a
 * reader would get wrong: libraries and the Go runtime map memory too; a change is one of those
 * that are compared if the function that makes them is on its stack.
 */
import { openSession, type Session } from '@sonde/core';
import {
  EventsDiffer,
  expectEvents,
  functionsOf,
  recordEvents,
  startWorkload,
  witness,
  type ExpectedEvent,
  type WorkloadLine,
} from '@sonde/vm-tests/kit';
import t from 'tap';
import { type ChangeEvent, probe, Protection } from './gen/mmap.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

/** The program's words for what it did, as events: addresses are hexadecimal, protection bits. */
function expectedOf(line: WorkloadLine): ExpectedEvent[] {
  return (line['changes'] as Record<string, string | number>[]).map(change => ({
    call: String(change['call']),
    address: BigInt(change['address'] ?? 0),
    bytes: Number(change['bytes']),
    oldAddress: BigInt(change['oldAddress'] ?? 0),
    oldBytes: Number(change['oldBytes']),
    error: Number(change['error']),
    protection: Object.keys(Protection)[Number(change['protection'])] ?? '',
  }));
}

/** How many hits the kernel has skipped so far, by its own count. */
function skipped(session: Session): number {
  session.refresh();
  return session.losses().probeMissed;
}

/** How often the program is asked to do the same again. */
const ATTEMPTS = 3;

/**
 * Asks again where all that is missing was skipped by the kernel, and counted: since Linux 7.0 a
 * program at a tracepoint can be preempted, and until it goes on, that CPU runs it for no other
 * thread.
 */
async function unlessSkipped<Result>(session: Session, ask: () => Promise<Result>) {
  for (let attempt = 1; ; attempt++) {
    const before = skipped(session);
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof EventsDiffer) || attempt === ATTEMPTS) throw error;
      const { missing, different, unexpected } = error.comparison;
      if (different.length + unexpected.length > 0) throw error;
      if (skipped(session) - before < missing.length) throw error;
      t.comment(`the kernel skipped hits, and said so: ${error.message}`);
    }
  }
}

t.test('each change, its range, protection, error and stack', async test => {
  const report = witness(test, { probe: 'mmap', points: ['exit'] });
  const workload = startWorkload('maps');
  test.teardown(() => workload.stop());
  await workload.next();
  const session = await openSession({
    pid: workload.pid,
    maxOverhead: 'off',
    probes: [{ module: probe }],
  });
  test.teardown(() => session.close());
  const log = recordEvents<ChangeEvent>(session, probe, 'change');
  const functions = functionsOf(session);
  const through = (...path: string[]) => {
    return ({ stack }: ChangeEvent) => path.every(each => functions(stack).includes(each));
  };

  const seenOf = (command: string, ...path: string[]): Promise<ChangeEvent[]> =>
    unlessSkipped(session, async () => {
      log.clear();
      const changes = expectedOf(await workload.command(command));
      return expectEvents(log, changes, { where: through(...path) });
    });

  const seenInC = await seenOf('c', 'map_in_c', 'main.inC');
  test.strictSame(
    new Set(seenInC.map(each => each.call)),
    new Set(['mmap', 'munmap', 'mremap', 'brk', 'dontneed']),
  );
  test.equal(seenInC.filter(each => each.error !== 0).length, 5, 'those that were refused');

  const seenInGo = await seenOf('go', 'main.mapInGo', 'main.inGo');
  test.equal(seenInGo.length, 2, 'Go code that maps memory itself');

  // A return from a signal handler ends as a system call does, with whatever the registers hold.
  log.clear();
  const held = await workload.command('signals');
  session.drain();
  test.equal(held['signals'], 20, 'so many signals came meanwhile');
  test.strictSame(log.events.filter(through('hold_number')), [], 'none is taken for a mapping');

  session.refresh();
  test.match(session.losses(), { ringFull: 0, stackLost: 0, readFailed: 0, malformed: 0 });
  report.saw(session, seenInC.length + seenInGo.length);
});
