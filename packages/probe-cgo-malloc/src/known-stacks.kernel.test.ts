/**
 * Stacks through C that leaves an unwinder little to go by: musl, which describes none of its own
 * functions, C without unwind tables, files without section headers; against what follows from how
 * the program is written. What a reader would get wrong: such a stack may end early, with a reason,
 * but no frame of it may be wrong, and its Go half has to be whole all the same.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StackSymbolizer } from '@sonde/core/stacks';
import { openTarget } from '@sonde/core/target';
import { reportCompared, startWorkload, Workload, workloadPath } from '@sonde/vm-tests/kit';
import t, { type Test } from 'tap';
import { copyWithoutSections } from './testing/bare-files.js';
import {
  attach,
  end,
  linesUntil,
  trace,
  type TracedEvent,
  type WorkloadLine,
} from './testing/traced.js';
import { WalkJudge, type Walked } from './testing/walks.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const ROUNDS = 10;
const WAYS = 6;

/** Stands for frames of the C library. */
const LIBRARY = '(library)';

/** Callers of malloc by kind, innermost first; `descend` is there once more than the depth. */
function callers(kind: string, depth: number): string[] {
  const down = Array<string>(depth + 1).fill('descend');
  switch (kind) {
    case 'copied':
      return [LIBRARY, 'last_copied', ...down, 'take_copied'];
    case 'sorted':
      return ['leaf', 'compare', LIBRARY, 'last_sorted', ...down, 'take_sorted'];
    case 'signal':
      return ['leaf', 'on_signal', LIBRARY, 'last_signal', ...down, 'take_signal'];
    case 'thread':
      return ['leaf', 'last_thread', ...down, 'on_thread', LIBRARY];
    default:
      return ['leaf', `last_${kind}`, ...down, `take_${kind}`];
  }
}

/** What a build describes to an unwinder: all, all but the C library, nothing but that. */
type Described = 'all' | 'program' | 'library';

/** The callers that can be known, and whether the walk has to say that it ended early. */
function knowable(described: Described, all: readonly string[]): { names: string[]; cut: boolean } {
  if (described === 'all') return { names: [...all], cut: false };
  const isEnd = (name: string): boolean => (name === LIBRARY) === (described === 'program');
  const end = all.findIndex(isEnd);
  return end < 0 ? { names: [...all], cut: false } : { names: all.slice(0, end + 1), cut: true };
}

const OWN = /^(leaf|compare|descend|on_signal|on_thread|last_\w+|take_\w+)$/;

/** Names of C frames with each run of others, which are the library's, as one. */
function folded(names: readonly string[]): string[] {
  const own = names.filter(name => !/^_cgo_/.test(name));
  const marked = own.map(name => (OWN.test(name) ? name : LIBRARY));
  return marked.filter((name, i) => name !== LIBRARY || marked[i - 1] !== LIBRARY);
}

interface Compared {
  readonly described: Described;
  readonly judge: WalkJudge;
  /** Names of C frames. */
  readonly namesOf: (walked: Walked) => string[];
}

/** What is wrong with the stack of one allocation; undefined for nothing. */
function fault(line: WorkloadLine, walked: Walked | undefined, how: Compared): string | undefined {
  const kind = String(line['kind']);
  if (walked === undefined) return `${kind}: no event`;
  const wanted = knowable(how.described, callers(kind, Number(line['depth'])));
  const names = folded(how.namesOf(walked));
  const said = `${kind}: ${names.join(' < ')}, truncated: ${walked.truncated}`;
  if (names.join() !== wanted.names.join()) return `${said}, and not ${wanted.names.join(' < ')}`;
  const cut = walked.truncated !== undefined;
  if (cut !== wanted.cut || (cut && !/unwind data/.test(walked.truncated))) return said;
  const go = how.judge.functions(walked).filter(name => name.startsWith('main.'));
  if (kind === 'thread') return go.length === 0 ? undefined : `${said}: ${go.join()}`;
  const whole = go.includes('main.takeAll') && go.includes('main.main');
  return whole ? undefined : `${said}: its Go half is ${go.join(' < ')}`;
}

function byAddress(judge: WalkJudge, events: readonly TracedEvent[]): Map<bigint, Walked> {
  return new Map(judge.walked(events).map(each => [each.address, each]));
}

interface Build {
  readonly program: string;
  readonly described: Described;
  readonly start: () => Workload;
  /** Names the addresses of the program, where a file without names gives `program+0x1234`. */
  readonly names?: StackSymbolizer;
}

/** The names of the program's code, from a process whose file has them; it lies where it lies. */
async function namesFrom(test: Test, program: string): Promise<StackSymbolizer> {
  const twin = startWorkload(program);
  test.teardown(() => twin.stop());
  await twin.next();
  const target = await openTarget(twin.pid);
  test.teardown(() => target.close());
  return new StackSymbolizer(target);
}

async function compare(test: Test, build: Build): Promise<void> {
  const traced = await trace(build.start(), { request: { mode: 'stream' } });
  test.teardown(() => end(traced));
  const { session, workload, events } = traced;
  const judge = new WalkJudge(session);
  const namesOf = (walked: Walked): string[] => {
    const pcs = walked.pcs.slice(0, walked.cCount);
    const own = judge.functions({ ...walked, pcs });
    const others = build.names?.symbolize(pcs).map(frame => frame.function);
    return own.map((name, i) => (/\+0x/.test(name) ? (others?.[i] ?? name) : name));
  };
  let compared = 0;
  // The first round is unwound from copies, the second is walked in the kernel.
  for (const round of ['copied', 'walked']) {
    workload.send(`take ${ROUNDS}`);
    const took = await linesUntil(workload, 'taken');
    session.drain();
    const seen = byAddress(judge, events);
    const faults = took.flatMap(line => {
      const walked = seen.get(BigInt(String(line['address'])));
      return fault(line, walked, { described: build.described, judge, namesOf }) ?? [];
    });
    test.equal(took.length, ROUNDS * WAYS);
    test.same(faults.slice(0, 4), [], `${round}: ${took.length} stacks`);
    compared += took.length;
    events.length = 0;
    await workload.command('release');
  }
  session.refresh();
  test.match(session.losses(), { stackLost: 0, readFailed: 0, ringFull: 0, malformed: 0 });
  reportCompared(compared);
}

/** Copies a program, without its section headers, into a folder. */
function withoutSections(program: string, folder: string): string {
  const path = join(folder, program);
  copyWithoutSections(workloadPath(program), path);
  return path;
}

const BUILDS: readonly (readonly [string, Described])[] = [
  ['known', 'all'],
  ['known-static', 'all'],
  ['known-untabled', 'library'],
  ['known-musl', 'program'],
  ['known-musl-static', 'program'],
];

for (const [program, described] of BUILDS) {
  t.test(`${program}: no frame is wrong, and what ends early says why`, async test =>
    compare(test, { program, described, start: () => startWorkload(program) }),
  );
}

function temporaryFolder(test: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-known-'));
  test.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

t.test('without section headers the search table is enough', async test => {
  const path = withoutSections('known', temporaryFolder(test));
  const start = (): Workload => new Workload(path, [], {});
  const names = await namesFrom(test, 'known');
  await compare(test, { program: 'known', described: 'all', start, names });
});

t.test('a static program without section headers is refused, with the reason', async test => {
  const workload = new Workload(withoutSections('known-static', temporaryFolder(test)), [], {});
  test.teardown(() => workload.stop());
  await workload.next();
  await test.rejects(
    attach(workload.pid),
    /malloc: .*known-static is static and has no symbol table/,
  );
  reportCompared(1);
});
