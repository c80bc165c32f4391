/**
 * What a session does to processes: its target, a neighbour that runs the same file, and a tracer
 * that is killed. A probed instruction is a breakpoint in the process's memory, so the tests look
 * there, not at lists of the kernel.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { startSession } from './session.js';
import { FixtureTarget, fixtureProbe } from './testing/fixture-session.js';
import { hostLane } from './testing/index.js';

// Compilers and the verifier run here; tap's 30 s are too few on a busy machine.
t.setTimeout(240_000);

const skip = await hostLane();
const TRACER = fileURLToPath(new URL('./testing/tracer-process.js', import.meta.url));
const WAYS = [
  { way: 'uprobe_multi', perf: '0', features: {} },
  { way: 'perf events', perf: '1', features: { uprobeMulti: false } },
] as const;

/** Waits for something that the kernel does in its own time; the test fails by tap's timeout. */
async function until(what: () => boolean): Promise<void> {
  while (!what()) await sleep(10);
}

for (const { way, perf, features } of WAYS) {
  t.test(`${way}: kill -9 of the tracer leaves nothing attached`, { skip }, async t => {
    const target = await FixtureTarget.start();
    t.teardown(() => target.end());
    t.equal(target.patched, false);
    const tracer = spawn(process.execPath, [TRACER, String(target.info.pid), target.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, SONDE_TEST_PERF: perf },
    });
    const [line] = (await once(tracer.stdout, 'data')) as [Buffer];
    t.match(line.toString(), /^attached [23]/);
    t.equal(target.patched, true, 'while the tracer lives, work() has a breakpoint');
    await target.call(10);
    tracer.kill('SIGKILL');
    await once(tracer, 'exit');
    await until(() => !target.patched);
    t.equal(await target.call(10), 20, 'the target goes on');
    const session = await startSession(target, {
      pid: target.info.pid,
      probes: [{ module: fixtureProbe() }],
    });
    await target.call(10);
    await session.close();
    t.equal(session.probes[0]?.points[0]?.sites[0]?.hits, 10, 'a new session sees its own alone');
    t.equal(target.patched, false, 'close() detaches too');
  });

  t.test(`${way}: a neighbour that runs the same file is not touched`, { skip }, async t => {
    const target = await FixtureTarget.start();
    const neighbour = await FixtureTarget.start();
    t.teardown(() => Promise.all([target.end(), neighbour.end()]));
    const session = await startSession(target, {
      pid: target.info.pid,
      probes: [{ module: fixtureProbe() }],
      features,
    });
    t.teardown(() => session.close());
    t.equal(target.patched, true);
    t.equal(neighbour.patched, false, 'the kernel was told the pid');
    await neighbour.call(1000);
    await target.call(5);
    t.equal(neighbour.patched, false);
    await session.stop();
    t.equal(session.probes[0]?.points[0]?.sites[0]?.hits, 5);
  });
}

t.test('without rights the session is refused with the next step', { skip }, async t => {
  const target = await FixtureTarget.start();
  t.teardown(() => target.end());
  // Root stays root and loses its capabilities: it still reads these files, wherever they lie, and
  // Debian's Node refuses setuid().
  const rights = ['--bounding-set=-all', '--inh-caps=-all'];
  const node = [process.execPath, TRACER, String(target.info.pid), target.path];
  const tracer = spawn('setpriv', [...rights, ...node], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  tracer.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(tracer, 'close')) as [number];
  t.equal(code, 1);
  t.match(errors, /UsageError: trace \d+: no right: create map .* operation not permitted/);
  t.match(errors, /hint: 'run as root/);
  t.equal(target.patched, false);
});

t.test('views of a closed ring read as zeros', { skip }, async t => {
  const target = await FixtureTarget.start();
  t.teardown(() => target.end());
  const session = await startSession(target, {
    pid: target.info.pid,
    probes: [{ module: fixtureProbe(), skipPoints: ['back'] }],
  });
  const kept: { view: DataView; offset: number }[] = [];
  session.onEvent('fixture', 'call', (view, offset) => kept.push({ view, offset }));
  await target.call(3);
  await session.stop();
  t.equal(kept.length, 3);
  for (const { view, offset } of kept) t.equal(view.getBigUint64(offset + 16, true), 0n);
  await session.close();
  t.same(session.stack(1n), []);
});
