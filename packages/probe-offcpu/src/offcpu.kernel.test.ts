/**
 * Blocked time against waits of known reason, number and length, by each way in which the probe can
 * attach. What a reader would get wrong: the thread waits for commands too, and for the scheduler
 * after a system call; a wait is one of those that are compared if it began in their function.
 */
import { openSession, type Session } from '@sonde/core';
import {
  attachBy,
  between,
  type EventLog,
  expectEvents,
  functionsOf,
  mapRows,
  oneOf,
  recordEvents,
  reportCompared,
  startWorkload,
  witness,
  type Workload,
} from '@sonde/vm-tests/kit';
import t, { type Test } from 'tap';
import { type BlockEvent, probe, type Waits } from './gen/offcpu.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const TIMES = 5;
/** Waits above this are compared; those of the scheduler and for commands are mostly shorter. */
const COMPARED_NS = 10_000_000;

/**
 * What is left of 20 ms of sleep: the timer runs before the thread leaves its CPU, and an emulated
 * processor takes up to a millisecond until then (19,616,240 ns were seen).
 */
const SLEPT_NS = 17_000_000;

/** Each way, the first kernel in which it works, and whether every reason is told. */
const WAYS = [
  { name: 'btf', since: '5.18', reasons: (reason: string) => reason },
  { name: 'raw', since: '4.17', reasons: (reason: string) => oneOf(reason, 'unknown') },
];

/** A kind of wait: the command for it, what it looks like, and functions on its stack. */
interface Wait {
  readonly command: string;
  readonly atLeastNs: number;
  /** From the program's beginning of a wait to its end, at least: what a timer promises. */
  readonly slept: number;
  readonly reason: string;
  readonly functions: readonly string[];
}

const WAITS: readonly Wait[] = [
  {
    command: `sleep ${TIMES} 20`,
    atLeastNs: SLEPT_NS,
    slept: 20_000_000,
    reason: 'sleep',
    functions: ['wait_asleep', 'main.main'],
  },
  {
    // The child sleeps for 60 ms, and may have begun before its parent waits for it.
    command: `child ${TIMES} 60`,
    atLeastNs: 20_000_000,
    slept: 60_000_000,
    reason: 'disk',
    functions: ['wait_for_child', 'main.main'],
  },
  {
    command: `go ${TIMES} 20`,
    atLeastNs: SLEPT_NS,
    slept: 20_000_000,
    reason: 'sleep',
    functions: ['syscall.Nanosleep', 'main.waitInGo', 'main.main'],
  },
];

/** By the one way that every kernel has: the verifier then looks at one program only. */
const RAW = { attach: { switch: 'raw' } };

interface Traced {
  readonly workload: Workload;
  readonly session: Session;
  readonly log: EventLog<BlockEvent>;
  /** Whether a stack leads through all of these functions. */
  readonly leadsThrough: (stack: bigint, functions: readonly string[]) => boolean;
}

async function trace(
  test: Test,
  options: { attach?: Record<string, string>; mode?: 'stream' | 'aggregate'; preempted?: number },
): Promise<Traced> {
  const { attach = {}, mode = 'stream', preempted = 0 } = options;
  const workload = startWorkload('waits');
  test.teardown(() => workload.stop());
  await workload.next();
  const session = await openSession({
    pid: workload.pid,
    maxOverhead: 'off',
    probes: [{ module: probe, mode, attach, params: { minNs: 1_000_000, preempted } }],
  });
  test.teardown(() => session.close());
  const names = functionsOf(session);
  return {
    workload,
    session,
    log: recordEvents<BlockEvent>(session, probe, 'block'),
    leadsThrough: (stack, functions) => functions.every(each => names(stack).includes(each)),
  };
}

for (const way of WAYS) {
  t.test(`${way.name}: each wait, its length, reason, thread and stack`, async test => {
    const attach = { switch: way.name };
    const report = witness(test, { probe: 'offcpu', points: ['switch'], attach });
    const traced = await attachBy(test, way, report, () => trace(test, { attach }));
    if (traced === undefined) return;
    const { workload, session, log, leadsThrough } = traced;
    let compared = 0;
    for (const { command, atLeastNs, slept, reason, functions } of WAITS) {
      log.clear();
      const line = await workload.command(command);
      const took = line['tookNs'] as number[];
      // The program's own clock ran from before the wait to after it.
      const expected = took.map(tookNs => ({
        ns: between(atLeastNs, tookNs),
        tid: Number(line['tid']),
        reason: way.reasons(reason),
      }));
      const seen = await expectEvents(log, expected, {
        where: ({ stack, ns }) => ns >= COMPARED_NS && leadsThrough(stack, functions),
      });
      test.equal(seen.length, TIMES, `${command}: every wait, and no other`);
      // By one clock: it left after the program had begun, and ran again when the wait was over.
      const began = line['beganNs'] as number[];
      const inOrder = [...seen].sort((a, b) => Number(a.sinceNs - b.sinceNs));
      for (const [i, { sinceNs, ns }] of inOrder.entries()) {
        const left = Number(sinceNs) - (began[i] ?? NaN);
        test.ok(left >= 0 && left + ns >= slept, `${command}: left after ${left} ns, for ${ns}`);
        test.ok(left + ns <= (took[i] ?? NaN), 'and was back before the program said so');
      }
      compared += seen.length;
    }
    log.clear();
    await workload.command('spin 100');
    session.drain();
    test.notOk(
      log.events.some(event => leadsThrough(event.stack, ['share_cpu'])),
      'a thread that computes is not blocked',
    );
    session.refresh();
    test.match(session.losses(), { ringFull: 0, mapFull: 0, stackLost: 0, malformed: 0 });
    report.saw(session, compared);
  });
}

t.test('runnable threads that wait for a CPU, where they are asked for', async test => {
  const { workload, session, log, leadsThrough } = await trace(test, { ...RAW, preempted: 1 });
  const line = await workload.command('spin 200');
  session.drain();
  const shared = log.events.filter(({ stack, tid }) => {
    return tid === line['tid'] && leadsThrough(stack, ['share_cpu']);
  });
  test.ok(shared.length > 0, `${shared.length} times without a CPU`);
  test.ok(shared.every(event => event.reason === 'preempted'));
  reportCompared(shared.length);
});

t.test('aggregate: the same waits by stack, their sum and the longest', async test => {
  const { workload, session, leadsThrough } = await trace(test, { ...RAW, mode: 'aggregate' });
  let compared = 0;
  for (const { command, atLeastNs, functions } of WAITS) {
    const line = await workload.command(command);
    const took = line['tookNs'] as number[];
    const waits = mapRows<bigint, Waits>(session, probe, 'byStack')
      .filter(({ key }) => leadsThrough(key, functions))
      .flatMap(({ values }) => values)
      .filter(({ maxNs }) => maxNs >= COMPARED_NS);
    const sum = (of: (each: Waits) => number): number =>
      waits.reduce((total, each) => total + of(each), 0);
    test.equal(
      sum(each => each.count),
      TIMES,
      `${command}: every wait`,
    );
    const total = sum(each => each.totalNs);
    test.ok(total >= TIMES * atLeastNs, `${command}: ${total} ns in all`);
    test.ok(total <= took.reduce((all, each) => all + each, 0), 'and no more than it took');
    test.ok(Math.max(...waits.map(each => each.maxNs)) <= Math.max(...took), 'nor the longest');
    compared += TIMES;
  }
  test.match(session.losses(), { mapFull: 0, stackLost: 0 });
  reportCompared(compared);
});
