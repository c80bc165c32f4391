/**
 * C blocks of programs built by every Go release, stripped as they are shipped, against what the
 * programs print of themselves. What a reader would get wrong: the C library also allocates for
 * threads that the Go runtime starts; only blocks of the program's own C functions are compared.
 */
import { StackSymbolizer } from '@sonde/core/stacks';
import {
  ask,
  CHURNED_GOROUTINES,
  ownFunctions,
  releaseList,
  startTruth,
  witness,
  type WorkloadLine,
} from '@sonde/vm-tests/kit';
import t, { type Test } from 'tap';
import { attach, collect, type TracedEvent } from './testing/traced.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const BLOCKS = 8;
/** Where what is compared here comes from. */
const POINTS = ['malloc', 'mallocReturn', 'calloc', 'callocReturn', 'free'];
/** The C functions are some 40 bytes long, and calls return into them. */
const FUNCTION_BYTES = 64n;

interface Seen {
  readonly events: readonly TracedEvent[];
  readonly pcsOf: (event: TracedEvent | undefined) => readonly bigint[];
  /** Functions of the program itself, innermost first. */
  readonly ownOf: (event: TracedEvent | undefined) => string[];
}

function isWithin(pc: bigint | undefined, start: bigint): boolean {
  return pc !== undefined && pc > start && pc - start < FUNCTION_BYTES;
}

/** Each block that the program names: birth, stack, and death where it was freed. */
function compareBlocks(test: Test, seen: Seen, told: readonly WorkloadLine[]): number {
  for (const [index, line] of told.entries()) {
    const address = BigInt(String(line['address']));
    const of = (name: string) =>
      seen.events.find(each => each.name === name && each.fields['address'] === address);
    const birth = of('alloc');
    const { size: sizeBytes, goid, tid } = line;
    test.match(birth?.fields, { sizeBytes, goid, tid }, `block ${index} of ${sizeBytes} bytes`);
    const caller = BigInt(String(line['caller']));
    test.ok(isWithin(seen.pcsOf(birth)[0], caller), `its C caller is at ${line['caller']}`);
    const wrapper = index % 4 >= 2 ? 'main._Cfunc_truth_calloc' : 'main._Cfunc_truth_malloc';
    test.same(seen.ownOf(birth), [wrapper, ...(line['functions'] as string[])]);
    // A block that was freed may have been handed out again while goroutines churned.
    if (line['freed'] === true) test.ok(of('free'), 'it was freed');
    else test.notOk(of('free'), 'it is kept');
  }
  return told.length;
}

/** Blocks of short goroutines whose stacks grow: all are seen with their Go caller, and freed. */
function compareChurn(test: Test, seen: Seen, told: WorkloadLine): number {
  const churned = seen.events.filter(event => {
    if (event.name !== 'alloc') return false;
    const own = seen.ownOf(event);
    return own[0] === 'main._Cfunc_truth_malloc' && own[1] === 'main.churnBottom';
  });
  test.equal(churned.length, told['blocks'], 'blocks while goroutines churned');
  const goroutines = new Set(churned.map(event => event.fields['goid']));
  test.equal(goroutines.size, CHURNED_GOROUTINES, 'each goroutine has a number of its own');
  const addresses = new Set(churned.map(event => event.fields['address']));
  const freed = seen.events.filter(e => e.name === 'free' && addresses.has(e.fields['address']));
  test.ok(freed.length >= churned.length, `${freed.length} of them were freed`);
  return churned.length;
}

const { programs, missing } = releaseList();

for (const { goRelease, reason } of missing) {
  t.test(`Go ${goRelease}`, { skip: reason }, () => undefined);
}

for (const program of programs) {
  t.test(`Go ${program.goRelease}, ${program.build}`, async test => {
    const { goRelease, build } = program;
    const report = witness(test, { probe: 'cgo-malloc', points: POINTS, goRelease, build });
    const workload = await startTruth(program);
    test.teardown(() => workload.stop());
    const session = await attach(workload.pid, { request: { mode: 'stream' } });
    test.teardown(() => session.close());
    const events = collect(session);
    const blocks = await ask(workload, `c ${BLOCKS}`, 'called');
    const churned = await ask(workload, `churn ${CHURNED_GOROUTINES}`, 'churned');
    session.drain();
    session.refresh();
    const names = new StackSymbolizer(session.process);
    const pcsOf: Seen['pcsOf'] = event =>
      session.stack((event?.fields['stack'] as bigint | undefined) ?? 0n);
    const ownOf: Seen['ownOf'] = event => ownFunctions(names.symbolize(pcsOf(event)));
    const seen = { events, pcsOf, ownOf };
    const compared = compareBlocks(test, seen, blocks.lines);
    report.saw(session, compared + compareChurn(test, seen, churned.last));
    test.match(session.losses(), { ringFull: 0, stackLost: 0, unpaired: 0, probeMissed: 0 });
    await session.stop();
    workload.send('exit');
    test.equal(await workload.exited, 0, 'the program outlived the trace');
  });
}
