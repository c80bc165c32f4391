/**
 * Stacks through sqlite, zstd and libcrypto against gdb: dynamic, position independent, static.
 *
 * What a reader would get wrong: the program runs twice, once under gdb and once under the probe,
 * and its n-th malloc is compared with its n-th malloc. The probe's return half replaces the return
 * address of malloc on the stack, so that gdb could not unwind a traced call. That both runs make
 * the same calls is checked by the sizes of all of them. gdb stops at each, which is slow, so it
 * unwinds some; which ones does not depend on how their stacks look.
 */
import { openTarget } from '@sonde/core/target';
import { cellInfo, judgeFeature, reportCompared, startWorkload } from '@sonde/vm-tests/kit';
import t, { type Test } from 'tap';
import { askGdb, GdbWatch } from './testing/gdb.js';
import { end, linesUntil, trace } from './testing/traced.js';
import { placesOf, WalkJudge } from './testing/walks.js';

/** gdb unwinds every seventh of some twenty thousand allocations. */
const EVERY = 7;
const COMMAND = 'take 1';
/**
 * A signal that arrives while gdb steps off its breakpoint brings the program back to it, and gdb
 * tells that call twice. Go preempts by signals when the machine is busy; here it does not.
 */
const UNDER_GDB = { GODEBUG: 'asyncpreemptoff=1' };

// Whoever runs this file ends it when it hangs; three times twenty thousand stops take a while.
t.setTimeout(0);

/** One call of malloc; a stack is files and addresses in them, up to Go. */
interface Call {
  readonly sizeBytes: number;
  readonly stack?: string;
  /** Why the walk ended before Go. */
  readonly reason?: string | undefined;
}

interface Sonde {
  readonly calls: readonly Call[];
  /** File and address in it of malloc's first instruction. */
  readonly malloc: { readonly path: string; readonly address: bigint };
}

/** The calls of malloc by the main thread, as the probe sees them. */
async function callsBySonde(program: string): Promise<Sonde> {
  const traced = await trace(startWorkload(program), {
    request: { mode: 'stream' },
    session: { stacksMax: 8192 },
  });
  const { session, workload, events } = traced;
  try {
    workload.send(COMMAND);
    await linesUntil(workload, 'taken');
    session.drain();
    const judge = new WalkJudge(session);
    const made = events.filter(({ name, fields }) =>
      name === 'alloc' ? fields['allocator'] === 'malloc' : fields['oldAddress'] === 0n,
    );
    const own = judge.walked(made).filter(each => each.tid === workload.pid);
    const site = session.probes[0]?.points.find(each => each.point === 'malloc')?.sites[0];
    const module = session.process.moduleAt(site?.address ?? 0n);
    if (site === undefined || module === undefined) throw new Error('find malloc: not probed');
    const calls = own.map(({ pcs, cCount, sizeBytes, truncated }) => ({
      sizeBytes,
      stack: placesOf(session.process, pcs.slice(0, cCount)),
      reason: truncated,
    }));
    return { calls, malloc: { path: module.path, address: site.address - module.bias } };
  } finally {
    await end(traced);
  }
}

/** The same calls as gdb sees them; undefined, and the test skipped, where gdb may not attach. */
async function callsByGdb(
  test: Test,
  program: string,
  malloc: Sonde['malloc'],
): Promise<Call[] | undefined> {
  const workload = startWorkload(program, [], { env: UNDER_GDB });
  test.teardown(() => workload.stop());
  await workload.next();
  const answer = await askGdb(workload.pid);
  const gdbFeature = { name: 'gdb with ptrace', since: '2.6', ...answer };
  const verdict = judgeFeature(gdbFeature, cellInfo());
  if (verdict.kind !== 'run') {
    test.comment(verdict.reason);
    return undefined;
  }
  const target = await openTarget(workload.pid);
  test.teardown(() => target.close());
  const { goTextStart = 0, goTextEnd = 0 } = target.config();
  const module = target.modules().find(each => each.path === malloc.path);
  if (module === undefined) throw new Error(`find malloc: ${malloc.path} is not mapped`);
  const gdb = new GdbWatch({
    pid: workload.pid,
    malloc: module.bias + malloc.address,
    goText: [BigInt(goTextStart), BigInt(goTextEnd)],
    every: EVERY,
    folder: test.testdir(),
  });
  await gdb.attached();
  workload.send(COMMAND);
  await linesUntil(workload, 'taken');
  const own = gdb.stops().filter(each => each.tid === workload.pid);
  const calls = own.map(({ sizeBytes, pcs, reason }) => ({
    sizeBytes,
    ...(pcs !== undefined && { stack: placesOf(target, pcs) }),
    reason,
  }));
  workload.send('exit');
  await gdb.end();
  return calls;
}

/** Compares call by call; returns how many distinct stacks were compared. */
function compareCalls(test: Test, ours: readonly Call[], theirs: readonly Call[]): number {
  const sizes = (calls: readonly Call[]): string => calls.map(each => each.sizeBytes).join(' ');
  test.ok(sizes(ours) === sizes(theirs), `the same ${ours.length} and ${theirs.length} calls`);
  const distinct = new Set<string>();
  const wrong: string[] = [];
  let compared = 0;
  theirs.forEach(({ stack, reason }, i) => {
    if (stack === undefined) return;
    compared++;
    distinct.add(stack);
    const own = ours[i];
    const why = reason ?? own?.reason;
    if (why !== undefined) wrong.push(`${why}: ${stack}`);
    if (own?.stack !== stack) wrong.push(`${own?.stack}, gdb says ${stack}`);
  });
  test.same(wrong.slice(0, 4), [], `${wrong.length} stacks differ`);
  test.comment(`${compared} stacks of ${theirs.length} calls, ${distinct.size} of them distinct`);
  return distinct.size;
}

// The guests have no gdb; there every return address has to follow a call.
const programs = cellInfo().lane === 'host' ? ['realc', 'realc-pie', 'realc-static'] : [];
for (const program of programs) {
  t.test(`${program}: every stack equals that of gdb`, { timeout: 120_000 }, async test => {
    const { calls, malloc } = await callsBySonde(program);
    const theirs = await callsByGdb(test, program, malloc);
    if (theirs === undefined) return void test.pass('gdb may not attach here, as said above');
    reportCompared(compareCalls(test, calls, theirs));
  });
}
