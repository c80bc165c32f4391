/**
 * Changes of the address space against what the program says of each call that it made. What a
 * reader would get wrong: libraries and the Go runtime map memory too; a change is one of those
 * that are compared if the function that makes them is on its stack.
 */
import { openSession } from '@sonde/core';
import {
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

  const inC = expectedOf(await workload.command('c'));
  const seenInC = await expectEvents(log, inC, { where: through('map_in_c', 'main.inC') });
  test.strictSame(
    new Set(seenInC.map(each => each.call)),
    new Set(['mmap', 'munmap', 'mremap', 'brk', 'dontneed']),
  );
  test.equal(seenInC.filter(each => each.error !== 0).length, 5, 'those that were refused');

  const inGo = expectedOf(await workload.command('go'));
  const seenInGo = await expectEvents(log, inGo, { where: through('main.mapInGo', 'main.inGo') });
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
