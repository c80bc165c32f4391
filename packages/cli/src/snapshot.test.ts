/**
 * What `sonde snapshot` reads from outside, against what the same program says of itself, for
 * every release of the tables, with symbols and stripped. What a reader would get wrong: after
 * ReadMemStats the program still prints its answer, so figures may differ by what that took.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunningProgram } from '@sonde/core/testing';
import { ALL_RELEASES, buildGoFixture } from '@sonde/symbols/testing';
import { Ajv } from 'ajv';
import t, { type Test } from 'tap';
import { stateText } from './snapshot-groups.js';
import type { Snapshot } from './snapshot-types.js';
import { main } from './program.js';
import { realSurround } from './terminal.js';
import { SNAPSHOT_PROGRAM } from './testing/snapshot-program.js';

interface Profile {
  readonly total: readonly number[];
  readonly stacks: Readonly<Record<string, number>>;
  readonly goroutines: string;
}

type Figures = Readonly<Record<string, number>>;

/** Printf of one line and the scanner's next buffer. */
const PRINTED_BYTES = 128 * 1024;
/** Parts of persistentalloc's chunks that are accounted to their owners only when taken. */
const CHUNKED = ['GCSys', 'BuckHashSys', 'OtherSys'];

const schema = JSON.parse(
  readFileSync(new URL('../sonde.snapshot-1.schema.json', import.meta.url), 'utf8'),
) as object;
const validate = new Ajv({ strict: true, allErrors: true }).compile(schema);

const outside = realSurround();

async function snapshotOf(pid: number, ...flags: readonly string[]): Promise<string> {
  let text = '';
  let errors = '';
  const surround = {
    ...outside,
    out: (part: string) => void (text += part),
    err: (part: string) => void (errors += part),
  };
  const code = await main(['snapshot', '--pid', String(pid), ...flags], surround, []);
  t.equal(code, 0, errors);
  return text;
}

function compareFigures(t: Test, taken: Snapshot, own: Figures): void {
  const read = taken.memStats as unknown as Readonly<Record<string, number | null>> | null;
  if (read === null) return void t.fail('no memStats');
  t.equal(read['closed'], true, "the runtime's equations hold");
  const moving = ['HeapInuse', 'HeapIdle', 'HeapReleased', 'HeapAlloc'];
  for (const [name, value] of Object.entries(own)) {
    if (CHUNKED.includes(name) || read[name] === null) continue;
    const gap = Math.abs(read[name]! - value);
    t.ok(gap <= (moving.includes(name) ? PRINTED_BYTES : 0), `${name}: ${read[name]} of ${value}`);
  }
  const sum = (of: Readonly<Record<string, number | null>>) =>
    CHUNKED.reduce((total, name) => total + of[name]!, 0);
  t.equal(sum(read), sum(own), CHUNKED.join(' + '));
}

function compareSpans(t: Test, taken: Snapshot, own: Figures): void {
  const { spans } = taken;
  if (spans === null) return void t.fail('no spans');
  t.ok(spans.closed, 'the spans add up to what the runtime says');
  t.equal(spans.inUseBytes, taken.memStats!.HeapInuse);
  // The collector's work buffers are such spans as well, and part of GCSys.
  const stacks = own['StackInuse']!;
  t.ok(spans.manualBytes >= stacks, `${spans.manualBytes} of ${stacks}`);
  t.ok(spans.manualBytes <= stacks + own['GCSys']!, `${spans.manualBytes} of ${stacks}`);
  const nodes = spans.classes.find(each => each.slotBytes === 48 && !each.noscan);
  t.ok(nodes!.objects >= 200_000, `${nodes!.objects} nodes of 48 bytes`);
  t.equal(spans.large.filter(each => each.bytes === 3 << 20).length, 3);
}

function compareHeap(t: Test, taken: Snapshot, own: Profile): void {
  const { heap } = taken;
  if (heap === null) return void t.fail('no heap profile');
  const { allocs, frees, allocBytes, freeBytes } = heap.sampled;
  t.same([allocs, frees, allocBytes, freeBytes], own.total, 'sums of runtime.MemProfile');
  const stacks: Record<string, number> = {};
  for (const { frames, sampled } of heap.stacks) {
    if (sampled.allocBytes === sampled.freeBytes) continue;
    const names = frames.map(f => f.function);
    const own = names.findIndex(name => !name.startsWith('runtime.'));
    const key = (own < 0 ? [] : names.slice(own)).map(name => `${name};`).join('');
    stacks[key] = (stacks[key] ?? 0) + sampled.allocBytes - sampled.freeBytes;
  }
  t.same(stacks, own.stacks, 'stacks of runtime.MemProfile, inlined calls included');
}

/** Goroutines of a `debug=2` profile: id → state and functions that somebody wrote. */
function parseProfile(text: string): Map<number, { state: string; functions: string[] }> {
  const found = new Map<number, { state: string; functions: string[] }>();
  for (const block of text.split('\n\n')) {
    const [head = '', ...lines] = block.split('\n');
    const match = /^goroutine (\d+) \[([^\]]+)\]:$/.exec(head);
    if (match === null) continue;
    const calls = lines.filter(line => /^\S.*\)$/.test(line) && !line.startsWith('created by'));
    const functions = calls.map(line => line.slice(0, line.lastIndexOf('(')));
    found.set(Number(match[1]), { state: match[2]!, functions });
  }
  return found;
}

function compareGoroutines(t: Test, taken: Snapshot, own: Profile): void {
  if (taken.goroutines === null) return void t.fail(JSON.stringify(taken.missing));
  const theirs = parseProfile(own.goroutines);
  const users = taken.goroutines.goroutines.filter(g => !g.system);
  t.same(
    users.map(g => g.id),
    [...theirs.keys()].sort((a, b) => a - b),
  );
  const differing: unknown[] = [];
  for (const g of users) {
    const truth = theirs.get(g.id);
    // The first goroutine answered then, and waits for the next question now.
    if (truth === undefined || g.id === 1) continue;
    const mine = g.frames.map(f => f.function).filter(name => !name.startsWith('runtime.'));
    const wanted = truth.functions.filter(name => !name.startsWith('runtime.'));
    const same = stateText(g) === truth.state && mine.join() === wanted.join();
    if (!same || !g.stackComplete) differing.push({ id: g.id, mine, state: stateText(g), truth });
  }
  t.same(differing, [], 'states and stacks of the goroutine profile');
  t.equal(users.filter(g => g.waitNs !== null).length > 40, true, 'a collection saw them wait');
  t.equal(users.filter(g => g.channels.length === 2).length, 1, 'one select of two channels');
  t.equal(taken.goroutines.torn, 0);
}

for (const release of ALL_RELEASES) {
  for (const flags of [[], ['-ldflags=-s -w']]) {
    const name = `${release}${flags.length === 0 ? '' : ', stripped'}`;
    t.test(name, async t => {
      const path = buildGoFixture({ source: SNAPSHOT_PROGRAM, release, flags });
      const program = await RunningProgram.start(path);
      t.teardown(() => program.stop());
      await program.line();
      const profile = JSON.parse(await program.ask('profile')) as Profile;
      const figures = JSON.parse(await program.ask('stats')) as Figures;
      const taken = JSON.parse(await snapshotOf(program.pid, '--json')) as Snapshot;
      t.ok(validate(taken), JSON.stringify(validate.errors));
      compareFigures(t, taken, figures);
      compareSpans(t, taken, figures);
      compareHeap(t, taken, profile);
      compareGoroutines(t, taken, profile);
    });
  }
}

t.test('the page names lines, sizes and groups; pprof reads the profile', async t => {
  const program = await RunningProgram.start(buildGoFixture({ source: SNAPSHOT_PROGRAM }));
  const folder = mkdtempSync(join(tmpdir(), 'sonde-snapshot-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  t.teardown(() => program.stop());
  await program.line();
  const file = join(folder, 'heap.pb.gz');
  const page = await snapshotOf(program.pid, '--pprof', file);
  t.match(page, /HEAP BY STACK[^]*main\.leakBytes[^]*HEAP BY SIZE/);
  t.match(page, /GOROUTINES[^]* 40 .*chan receive[^]*main\.waitOnChannel/);
  const top = execFileSync('go', ['tool', 'pprof', '-top', file], { encoding: 'utf8' });
  t.match(top, /Type: inuse_space/);
  t.match(top, /main\.leakBytes/);
});
