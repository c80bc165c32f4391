/**
 * A tracer in a process of its own, for tests that kill it: `node tracer-process.js PID PROGRAM`
 * attaches the fixture probe, prints `attached`, and never ends by itself; SONDE_TEST_PERF=1 does
 * without uprobe_multi. The fact that is easy to get wrong: it must not handle any signal, so that
 * nothing but the kernel detaches.
 */
import { startSession } from '../session.js';
import { FixtureTarget, fixtureProbe } from './fixture-session.js';

const [pid = '0', program = ''] = process.argv.slice(2);
const probe = fixtureProbe();
const target = FixtureTarget.attachTo(Number(pid), program);
const session = await startSession(target, {
  pid: target.info.pid,
  probes: [{ module: probe }],
  features: process.env['SONDE_TEST_PERF'] === '1' ? { uprobeMulti: false } : {},
});
const points = session.probes.flatMap(probe => probe.points.filter(point => point.attached));
process.stdout.write(`attached ${points.length}\n`);
