/**
 * Whole stacks of C code without frame pointers, against the unwinder of the C library itself,
 * which each leaf of the workload asks right before it allocates. What a reader would get wrong:
 * the first hits of an address are unwound in user space and the later ones in the kernel, so the
 * rounds are repeated, and both must say the same.
 */
import { openTarget } from '@sonde/core/target';
import { StackSymbolizer } from '@sonde/core/stacks';
import { reportCompared, startWorkload } from '@sonde/vm-tests/kit';
import t, { type Test } from 'tap';
import { end, trace, type Traced, type TracedEvent, type WorkloadLine } from './testing/traced.js';

const ROUNDS = 12;
/** Ways to allocate in each round of the workload. */
const WAYS = 10;

/** Such a stack is C, the callback's Go, and the outer Go; what lies between these is not shown. */
const LEFT_OUT = 'the C code that called back into Go is left out';

interface Took {
  readonly kind: string;
  readonly address: bigint;
  /** Callers of the leaf, innermost first, as far as they are C. */
  readonly frames: readonly bigint[];
  readonly library: boolean;
}

async function takeRounds({ workload }: Traced, isGo: (pc: bigint) => boolean): Promise<Took[]> {
  workload.send(`take ${ROUNDS}`);
  const lines: WorkloadLine[] = [];
  for (let line = await workload.next(); line['event'] !== 'taken'; line = await workload.next()) {
    lines.push(line);
  }
  return lines.map(line => {
    const frames = (line['frames'] as string[]).map(BigInt);
    // The first is the leaf itself, at another instruction; behind the first Go one comes nothing.
    const go = frames.findIndex(isGo);
    return {
      kind: String(line['kind']),
      address: BigInt(String(line['address'])),
      frames: frames.slice(1, go < 0 ? undefined : go),
      library: line['library'] === true,
    };
  });
}

/** The events of the allocations, by address; the last one of an address counts. */
function byAddress(events: readonly TracedEvent[]): Map<bigint, Record<string, unknown>> {
  const allocs = events.filter(event => event.name === 'alloc' || event.name === 'realloc');
  return new Map(allocs.map(({ fields }) => [fields['address'] as bigint, fields]));
}

interface Names {
  readonly isGo: (pc: bigint) => boolean;
  readonly of: (pcs: readonly bigint[]) => string[];
}

/** Checks one allocation; returns what is wrong with its stack. */
function difference(took: Took, pcs: readonly bigint[], names: Names): string | undefined {
  const go = pcs.findIndex(names.isGo);
  const c = go < 0 ? pcs : pcs.slice(0, go);
  const callers = c.slice(c.length - took.frames.length);
  const own = c.length - took.frames.length;
  const hex = (list: readonly bigint[]): string => list.map(pc => pc.toString(16)).join(' ');
  if (hex(callers) !== hex(took.frames)) return `${hex(c)}, the program says ${hex(took.frames)}`;
  if (took.library ? own < 2 : own !== 1) return `${own} frames below the leaf's callers`;
  if (took.kind === 'thread') return go < 0 ? undefined : 'a C thread has Go frames';
  const functions = names.of(pcs);
  const wanted = took.kind === 'through go' ? ['main.callBack', 'main.takeAll'] : ['main.takeAll'];
  const at = wanted.map(name => functions.indexOf(name));
  const inOrder = at.every((place, i) => place > (at[i - 1] ?? -1));
  return inOrder ? undefined : `not ${wanted.join(' ')} in ${functions.join(' ')}`;
}

async function compare(test: Test, traced: Traced, names: Names): Promise<number> {
  const { session, events } = traced;
  const took = await takeRounds(traced, names.isGo);
  session.drain();
  const seen = byAddress(events);
  const wrong = took.flatMap(each => {
    const fields = seen.get(each.address);
    if (fields === undefined) return [`${each.kind}: no event`];
    const { pcs, truncated } = session.readStack(fields['stack'] as bigint);
    const expected = each.kind === 'through go' ? LEFT_OUT : undefined;
    // arm64's kernel describes the return from a signal handler nowhere: a cut stack says so.
    const cut = each.kind === 'signal' && process.arch === 'arm64' && truncated !== undefined;
    if (cut && /^no unwind data/.test(truncated)) return [];
    if (truncated !== expected) return [`${each.kind}: truncated: ${truncated}`];
    const what = difference(each, pcs, names);
    return what === undefined ? [] : [`${each.kind}: ${what}`];
  });
  test.equal(took.length, ROUNDS * WAYS);
  test.same(wrong.slice(0, 4), [], `${took.length} stacks`);
  events.length = 0;
  await traced.workload.command('release');
  return took.length;
}

t.test('every stack equals what the C library sees, copied or walked in the kernel', async test => {
  const traced = await trace(startWorkload('nested'), { request: { mode: 'stream' } });
  test.teardown(() => end(traced));
  const { session } = traced;
  const target = await openTarget(traced.workload.pid);
  test.teardown(() => target.close());
  const { goTextStart = 0, goTextEnd = 0 } = target.config();
  const symbolizer = new StackSymbolizer(target);
  const names: Names = {
    isGo: pc => pc >= BigInt(goTextStart) && pc < BigInt(goTextEnd),
    of: pcs => symbolizer.symbolize(pcs).map(frame => frame.function),
  };
  let compared = await compare(test, traced, names);
  const first = session.unwinding()!;
  test.ok(first.copies > 0 && first.rules > 20, `${first.copies} copies, ${first.rules} rules`);
  compared += await compare(test, traced, names);
  compared += await compare(test, traced, names);
  const last = session.unwinding()!;
  const signals = 2 * ROUNDS;
  const more = last.copies - first.copies;
  test.ok(more <= signals + 4, `${more} more copies: signal frames always need user space`);
  session.refresh();
  test.match(session.losses(), { stackLost: 0, readFailed: 0, ringFull: 0, malformed: 0 });
  reportCompared(compared);
});

t.test('without unwinding there is one C frame, and no copy', async test => {
  const traced = await trace(startWorkload('nested'), {
    request: { mode: 'stream' },
    session: { wholeStacks: false },
  });
  test.teardown(() => end(traced));
  await traced.workload.command('take 1').catch(() => undefined);
  traced.session.drain();
  test.equal(traced.session.unwinding(), undefined);
  const stacks = traced.events.flatMap(({ name, fields }) =>
    name === 'alloc' ? [traced.session.stack(fields['stack'] as bigint)] : [],
  );
  test.ok(stacks.length > 0 && stacks.every(pcs => pcs.length > 0));
  reportCompared(stacks.length);
});
