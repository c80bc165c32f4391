/**
 * Stacks through libraries that are not ours: sqlite, zstd and libcrypto as Debian builds them,
 * dynamic with a stripped Go program, and static; expat, Lua and hunspell, which is C++, that
 * nothing in Sonde was made with in view. What a reader would get wrong: nothing here knows
 * what the stacks should be. Each return address has to follow a call, each C part to end in Go
 * code, and the set of stacks to be the same on every kernel, which the runner compares. That set
 * is taken once the code is known; a burst of unknown code is a test of its own, on real machines.
 */
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import {
  cellInfo,
  reportCompared,
  reportSame,
  startWorkload,
  Workload,
  workloadPath,
} from '@sonde/vm-tests/kit';
import t, { type Test } from 'tap';
import { probe } from './gen/cgo-malloc.js';
import { copyWithoutSections } from './testing/bare-files.js';
import { attach, linesUntil, type TracedEvent, type TracedProgram } from './testing/traced.js';
import { digestOf, WalkJudge, type Walked } from './testing/walks.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

/** A round through unknown code takes a busy, emulated processor more than the usual minute. */
const PATIENT = { lineTimeoutMs: 240_000 };

type Session = Awaited<ReturnType<typeof attach>>;

/** Size of the largest copies: a ring of as many bytes has no room for even one. */
const COPY_BYTES = 16384;

/** Lua has but realloc, of nothing for what is new. */
const BIRTHS = ['alloc', 'realloc'] as const;

function stackOffset(event: string): number {
  const { fields } = probe.ir.events.find(each => each.name === event)!.struct;
  return fields.find(each => each.name === 'stack')!.offsetBytes;
}

/** Attached before anything was allocated; frees are left out, as nothing here asks for them. */
async function attachTo(test: Test, workload: TracedProgram, ringBytes?: number): Promise<Session> {
  await workload.next();
  const session = await attach(workload.pid, {
    request: { mode: 'stream', skipPoints: ['free'] },
    session: { stacksMax: 8192, ...(ringBytes !== undefined && { ringBytes }) },
  });
  test.teardown(async () => {
    await session.close();
    await workload.stop();
  });
  return session;
}

/** Keeps the first event of each stack, which is all that is asked of most; counts the others. */
class FirstOfEach {
  readonly events: TracedEvent[] = [];
  count = 0;
  readonly #seen = new Set<bigint>();

  constructor(session: Session) {
    for (const name of BIRTHS) {
      const stackAt = stackOffset(name);
      session.onEvent('cgo-malloc', name, (view, offset) => {
        this.count++;
        const stack = view.getBigUint64(offset + stackAt, true);
        if (this.#seen.has(stack)) return;
        this.#seen.add(stack);
        this.events.push({ name, fields: probe.events[name]!.decode(view, offset) });
      });
    }
  }
}

async function takeRound(session: Session, workload: TracedProgram, part = ''): Promise<void> {
  workload.send(`take 1 ${part}`);
  await linesUntil(workload, 'taken');
  session.drain();
  session.refresh();
}

/** Stacks of the program's own thread, each once; Go's other threads allocate when they like. */
function ownStacks(judge: WalkJudge, seen: FirstOfEach, pid: number): Map<string, Walked> {
  const own = judge.walked(seen.events).filter(each => each.tid === pid);
  return new Map(own.map(each => [judge.signature(each), each]));
}

function checkStacks(test: Test, judge: WalkJudge, all: ReadonlyMap<string, Walked>): void {
  const faults = [...all.values()].flatMap(each => judge.fault(each) ?? []);
  test.same(faults.slice(0, 4), [], `${all.size} stacks`);
  const addresses = [...all.values()].reduce((sum, { cCount }) => sum + cCount, 0);
  test.comment(`${all.size} stacks, ${addresses} return addresses of C`);
  reportCompared(all.size);
}

/** Whether a stack is cut where it has to be: 64 KiB of it belong to one function of hunspell's. */
function isOfLargeFrame(judge: WalkJudge, walked: Walked): boolean {
  const names = judge.functions(walked);
  const ours = ['main.(*dictionary).open', 'main.main'];
  return (
    /^the stack goes on beyond what was copied$/.test(walked.truncated ?? '') &&
    ours.every(name => names.includes(name))
  );
}

/** The program beside libraries that have nothing to be read by but their dynamic segments. */
function startBare(test: Test, program: string): Workload {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-bare-'));
  test.teardown(() => rmSync(folder, { recursive: true }));
  const path = workloadPath(program);
  for (const library of readdirSync(dirname(path)).filter(name => /^lib(lua|hun)/.test(name))) {
    copyWithoutSections(join(dirname(path), library), join(folder, library));
  }
  const copy = join(folder, basename(path));
  copyFileSync(path, copy);
  chmodSync(copy, 0o755);
  return new Workload(copy, [], PATIENT);
}

/** What libraries export, as it is found in stacks. */
const EXPORTED = ['luaL_newstate', 'lua_pcallk', 'Hunspell_add', 'operator new(unsigned long)'];
const digests = new Map<string, string>();

for (const [program, bare] of [
  ['realc-stripped', false],
  ['realc-static', false],
  ['foreign', false],
  ['foreign-stripped', false],
  ['foreign-stripped', true],
] as const) {
  const what = bare ? `${program}, libraries without section headers` : program;
  t.test(`${what}: all stacks are whole, and the same on every kernel`, async test => {
    const workload = bare ? startBare(test, program) : startWorkload(program, [], PATIENT);
    const session = await attachTo(test, workload);
    await takeRound(session, workload);
    const known = session.losses().stackLost;
    const seen = new FirstOfEach(session);
    for (let round = 0; round < 2; round++) await takeRound(session, workload);
    test.equal(session.losses().stackLost, known, 'none is lost where the code is known');
    const judge = new WalkJudge(session);
    const all = ownStacks(judge, seen, workload.pid);
    const digest = digestOf(all.keys());
    if (bare) test.equal(digest, digests.get(program), 'the same stacks as with section headers');
    else reportSame(`stacks of ${program}`, digest);
    digests.set(program, digest);
    if (program.startsWith('foreign')) {
      const names = new Set([...all.values()].flatMap(each => judge.functions(each)));
      test.same(
        EXPORTED.filter(name => !names.has(name)),
        [],
        'exported names are there',
      );
    }
    const cut = [...all].filter(([, each]) => isOfLargeFrame(judge, each));
    test.equal(
      cut.length > 0,
      program.startsWith('foreign'),
      `${cut.length} stacks say they are cut`,
    );
    for (const [name] of cut) all.delete(name);
    checkStacks(test, judge, all);
  });
}

const NO_LOSS = { ringFull: 0, stackLost: 0, readFailed: 0, malformed: 0 };

// On one emulated processor the program runs twenty times slower and its reader a hundred times.
const bursting = cellInfo().lane === 'host' ? ['realc-stripped', 'realc-static'] : [];
for (const program of bursting) {
  t.test(`${program}: at full speed through unknown code no stack is lost`, async test => {
    const workload = startWorkload(program, [], PATIENT);
    const session = await attachTo(test, workload);
    const judge = new WalkJudge(session);
    const seen = new FirstOfEach(session);
    const copies: number[] = [];
    const all = new Map<string, Walked>();
    for (const round of ['first', 'second', 'third']) {
      await takeRound(session, workload);
      const now = session.unwinding()!;
      copies.push(now.copies);
      test.comment(`${round}: ${seen.count} allocations, ${now.copies} copies, ${now.rules} rules`);
      // To ask for a stack is what unwinds those copies that nothing else has needed.
      for (const [name, stack] of ownStacks(judge, seen, workload.pid)) all.set(name, stack);
      seen.events.length = 0;
    }
    checkStacks(test, judge, all);
    const { ringFull, stackLost, readFailed, malformed } = session.losses();
    test.same({ ringFull, stackLost, readFailed, malformed }, NO_LOSS);
    test.ok(copies[0]! > 0);
    test.equal(copies[2], copies[1], 'nothing is copied once the code is known');
  });
}

t.test('a ring too small for its copies: each lost stack is counted and says so', async test => {
  const workload = startWorkload('realc-stripped', [], PATIENT);
  const session = await attachTo(test, workload, COPY_BYTES);
  const seen = new FirstOfEach(session);
  await takeRound(session, workload, 'sql');
  const { stackLost, ringFull } = session.losses();
  const judge = new WalkJudge(session);
  const stacks = judge.walked(seen.events).filter(each => each.tid === workload.pid);
  const cut = stacks.filter(each => each.truncated !== undefined);
  test.comment(`${stackLost} stacks lost, ${ringFull} records; ${cut.length} stacks are cut`);
  test.ok(stackLost > 0, 'a stack was lost');
  test.ok(cut.length > 0, 'and those that stand for it are not taken for whole');
  const whole = stacks.filter(each => each.truncated === undefined);
  const faults = whole.flatMap(each => judge.fault(each) ?? []);
  test.same(faults.slice(0, 4), [], `${whole.length} stacks are whole`);
  const unfinished = cut.filter(each => !judge.functions(each).includes('main.main'));
  test.same(unfinished.slice(0, 1), [], 'the Go half is there all the same');
  reportCompared(stacks.length);
});
