/**
 * What Sonde is for: a program loses memory through a library that is not ours, and the report's
 * first suspect reads from the library's allocation to the Go line that owns it, without a gap.
 *
 * The fact readers get wrong: sqlite's own functions are known by name only as far as Debian's
 * library exports them, and a stripped program does not name its glue to C; neither hides a frame.
 */
import { basename } from 'node:path';
import t, { type Test } from 'tap';
import { cellInfo, reportCompared, startWorkload } from '@sonde/vm-tests/kit';
import { traceLeak, type Frame } from './testing/traced-program.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

/** The Go functions that lead to sqlite's sqlite3_prepare_v2, which on arm64 is but a jump. */
const OWNERS = ['main._Cfunc_sqlite3_prepare_v2', 'main.database.prepare', 'main.lookUpUser'];
const LIBRARY = 'libsqlite3.so.0';

/** The frames of sqlite, which come first, and those behind them. */
function halves(frames: readonly Frame[]): [library: Frame[], program: Frame[]] {
  const own = frames.findIndex(frame => basename(frame.module) !== LIBRARY);
  return [frames.slice(0, Math.max(0, own)), frames.slice(Math.max(0, own))];
}

function checkStack(test: Test, frames: readonly Frame[], program: string): void {
  const [library, own] = halves(frames);
  const names = frames.map(frame => frame.function).join(' < ');
  test.ok(library.length >= 5, `the way through sqlite: ${names}`);
  test.equal(library[1]?.function, 'sqlite3Malloc', 'from where it allocates');
  const elsewhere = own.filter(frame => basename(frame.module) !== program);
  test.same(elsewhere, [], 'then nothing but the program');
  const glue = own.findIndex(frame => frame.kind === 'go');
  test.ok(glue >= 0 && glue <= 1, 'one function of cgo leads from C to Go');
  const go = own.slice(glue);
  test.ok(
    go.every(frame => frame.kind === 'go'),
    'behind it all is Go',
  );
  const owners = go.map(frame => frame.function).filter(name => OWNERS.includes(name));
  test.same(owners, OWNERS, 'down to who forgot');
  reportCompared(frames.length);
}

/** Statements a second, each of some sixty allocations: what an emulated processor has time for. */
const RATE = cellInfo().lane === 'host' ? 100 : 20;

// Twelve seconds each: with its symbols the program is the same, and the machine itself is fast.
const programs = ['realc-stripped', ...(cellInfo().lane === 'host' ? ['realc'] : [])];
for (const program of programs) {
  t.test(`${program}: the first suspect reads from sqlite to main`, async test => {
    const workload = startWorkload(program);
    test.teardown(() => workload.stop());
    await workload.next();
    workload.send(`leak ${RATE}`);
    const { report } = await traceLeak(program, workload);
    const [first] = report.suspects;
    test.equal(first?.class, 'c-leak');
    test.equal(first?.truncated ?? null, null);
    checkStack(test, first?.frames ?? [], program);
    test.equal(report.losses.total['stackLost'], 0);
  });
}

/** The Go functions that lead to Lua, through what the program's own C does with it. */
const RULES = ['main._Cfunc_forgotten_rules', 'main.forgetRules'];

/** The path from Lua, which nothing in Sonde was made with in view, by C of the program to Go. */
function checkForeign(test: Test, frames: readonly Frame[], program: string): void {
  const names = frames.map(frame => frame.function);
  const own = frames.findIndex(frame => basename(frame.module) === program);
  const libraries = frames.slice(0, Math.max(0, own)).map(frame => basename(frame.module));
  const expected = ['liblua5.4.so.0', 'libc.so.6'];
  test.ok(libraries.length >= 5, `the way through Lua: ${names.join(' < ')}`);
  test.same(
    libraries.filter(library => !expected.includes(library)),
    [],
    'it begins in Lua, and in nothing but the allocator that it asks',
  );
  const elsewhere = frames.slice(own).filter(frame => basename(frame.module) !== program);
  test.same(elsewhere, [], 'then nothing but the program');
  const go = frames.findIndex(frame => frame.kind === 'go');
  test.ok(go > own && own > 0, "by the program's own C");
  test.ok(
    frames.slice(go).every(frame => frame.kind === 'go'),
    'behind it all is Go',
  );
  test.same(
    names.slice(go).filter(name => RULES.includes(name)),
    RULES,
    'down to who forgot',
  );
  reportCompared(frames.length);
}

for (const program of ['foreign-stripped', ...(cellInfo().lane === 'host' ? ['foreign'] : [])]) {
  t.test(`${program}: the first suspect reads from Lua to main`, async test => {
    const workload = startWorkload(program);
    test.teardown(() => workload.stop());
    await workload.next();
    workload.send('leak 5');
    const { report } = await traceLeak(program, workload);
    const [first] = report.suspects;
    test.match(first, { class: 'c-leak', truncated: null });
    checkForeign(test, first?.frames ?? [], program);
  });
}

// The guests have no addr2line to ask.
const inlining = cellInfo().lane === 'host' ? ['foreign'] : [];
for (const program of inlining) {
  t.test(`${program} --inlined: from Lua by an inlined call to main`, async test => {
    const workload = startWorkload(program);
    test.teardown(() => workload.stop());
    await workload.next();
    workload.send('leak 5');
    const { report } = await traceLeak(program, workload, ['--inlined']);
    const [first] = report.suspects;
    test.match(first, { class: 'c-leak', truncated: null });
    const frames = first?.frames ?? [];
    const names = frames.map(frame => frame.function);
    const library = frames.filter(frame => basename(frame.module) === 'liblua5.4.so.0');
    test.ok(library.length >= 5, `the way through Lua: ${names.join(' < ')}`);
    const from = names.indexOf('run') - 1;
    test.same(names.slice(from, from + 3), ['call_rules', 'run', 'forgotten_rules']);
    test.same(
      frames.slice(from, from + 3).map(frame => frame.inlined),
      [true, false, false],
    );
    test.same(
      names.filter(name => RULES.includes(name)),
      RULES,
    );
    reportCompared(frames.length);
  });
}
