/**
 * Large objects of programs built by every Go release, stripped as they are shipped, against what
 * the programs print of themselves. What a reader would get wrong: the releases are a list that the
 * run made; a new one in vm-tests/matrix.json is traced here without a change.
 */
import { openSession, type Session } from '@sonde/core';
import { StackSymbolizer } from '@sonde/core/stacks';
import {
  ask,
  cellInfo,
  CHURNED_GOROUTINES,
  ownFunctions,
  releaseList,
  startTruth,
  witness,
  type ReleaseProgram,
  type Workload,
  type WorkloadLine,
} from '@sonde/vm-tests/kit';
import t, { type Test } from 'tap';
import { probe } from './gen/mallocgc.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const GO_PAGE_BYTES = 8192;
const OBJECTS = 6;

interface TracedEvent {
  readonly name: string;
  readonly fields: Record<string, unknown>;
}

interface Traced {
  readonly program: ReleaseProgram;
  readonly workload: Workload;
  readonly session: Session;
  readonly events: TracedEvent[];
}

async function trace(test: Test, program: ReleaseProgram): Promise<Traced> {
  const workload = await startTruth(program);
  test.teardown(() => workload.stop());
  const session = await openSession({
    pid: workload.pid,
    maxOverhead: 'off',
    probes: [{ module: probe, mode: 'stream' }],
  });
  test.teardown(() => session.close());
  const events: TracedEvent[] = [];
  session.onEvents((_probe, name, view, offset) => {
    const codec = probe.events[name];
    if (codec !== undefined) events.push({ name, fields: codec.decode(view, offset) });
  });
  return { program, workload, session, events };
}

function spanBytes(line: WorkloadLine): number {
  return Math.ceil(Number(line['size']) / GO_PAGE_BYTES) * GO_PAGE_BYTES;
}

function named(events: readonly TracedEvent[], name: string): Record<string, unknown>[] {
  return events.filter(event => event.name === name).map(event => event.fields);
}

function byAddress(
  events: readonly TracedEvent[],
  name: string,
): Map<bigint, Record<string, unknown>> {
  return new Map(named(events, name).map(fields => [fields['address'] as bigint, fields]));
}

/** Each object that the program names: birth, stack and death. Returns how many were compared. */
function compareObjects(test: Test, traced: Traced, made: readonly WorkloadLine[]): number {
  const { events, session, program } = traced;
  const names = new StackSymbolizer(session.process);
  const births = byAddress(events, 'large');
  const deaths = byAddress(events, 'free');
  const point = session.probes[0]?.points.find(each => each.point === 'large');
  const knowsPointers = point?.limits?.includes('pointers') !== true;
  for (const line of made) {
    const address = BigInt(String(line['address']));
    const birth = births.get(address);
    const { goid, pointerFree } = line;
    test.match(birth, {
      sizeBytes: spanBytes(line),
      goid,
      comm: program.program.slice(0, 15),
      ...(knowsPointers ? { pointerFree } : {}),
    });
    const frames = names.symbolize(session.stack((birth?.['stack'] as bigint | undefined) ?? 0n));
    test.same(ownFunctions(frames), line['functions'], `stack by ${point?.alternative}`);
    test.match(deaths.get(address), { sizeBytes: spanBytes(line) });
  }
  return 2 * made.length;
}

/**
 * Before Go 1.21, arm64's morestack leaves the frame pointer in the stack that was copied away: a
 * walk right after that ends at the function whose stack grew.
 */
function keepsFramePointers(program: ReleaseProgram): boolean {
  return cellInfo().arch !== 'arm64' || Number(program.goRelease.split('.')[1]) >= 21;
}

/** Objects made at growing depths of short goroutines: all are seen, with the right innermost. */
function compareChurn(test: Test, traced: Traced, told: WorkloadLine): number {
  const { events, session, program } = traced;
  const names = new StackSymbolizer(session.process);
  let cut = 0;
  const churned = named(events, 'large').filter(fields => {
    const own = ownFunctions(names.symbolize(session.stack(fields['stack'] as bigint)));
    if (own[0] === 'main.churnLarge' && own[1] !== 'main.churnBottom') cut++;
    // A walk that ends inside the runtime still tells the goroutine; main's is number 1.
    const cutShort = own.length === 0 && !keepsFramePointers(program) && fields['goid'] !== 1;
    return own[0] === 'main.churnLarge' || cutShort;
  });
  if (keepsFramePointers(program)) test.equal(cut, 0, 'no stack ends early');
  const bytes = churned.reduce((sum, fields) => sum + Number(fields['sizeBytes']), 0);
  test.same(
    [churned.length, bytes],
    [told['objects'], told['spanBytes']],
    'objects while churning',
  );
  const goroutines = new Set(churned.map(fields => fields['goid']));
  test.equal(goroutines.size, CHURNED_GOROUTINES, 'each goroutine has a number of its own');
  return churned.length;
}

const { programs, missing } = releaseList();

for (const { goRelease, reason } of missing) {
  t.test(`Go ${goRelease}`, { skip: reason }, () => undefined);
}

for (const program of programs) {
  t.test(`Go ${program.goRelease}, ${program.build}`, async test => {
    const { goRelease, build } = program;
    const points = ['large', 'free'];
    const report = witness(test, { probe: 'mallocgc', points, goRelease, build });
    const traced = await trace(test, program);
    const { workload, session } = traced;
    const made = await ask(workload, `large ${OBJECTS}`, 'made');
    const churned = await ask(workload, `churn ${CHURNED_GOROUTINES}`, 'churned');
    const dropped = await ask(workload, 'drop', 'dropped');
    test.equal(dropped.last['count'], OBJECTS);
    session.drain();
    session.refresh();
    const compared = compareObjects(test, traced, made.lines);
    report.saw(session, compared + compareChurn(test, traced, churned.last));
    const { ringFull, mapFull, stackLost, unpaired, probeMissed, readFailed } = session.losses();
    const lost = { ringFull, mapFull, stackLost, unpaired, probeMissed, readFailed };
    test.same(new Set(Object.values(lost)), new Set([0]), 'nothing is lost');
    await session.stop();
    workload.send('exit');
    test.equal(await workload.exited, 0, 'the program outlived the trace');
  });
}
