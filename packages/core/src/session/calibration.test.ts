/** Calibration against the kernel: it must have counted its own hits, or say why it did not. */
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { hostLane } from '../testing/index.js';
import { calibrate, FALLBACK_NS, type Calibration } from './calibration.js';

const skip = await hostLane();

const ROOT_WITHOUT_CAPABILITIES = ['--bounding-set=-all', '--inh-caps=-all'];

/**
 * The command that runs another one without rights. Root stays root and loses its capabilities, so
 * that it may still read these files; Debian's Node refuses setuid().
 */
function withoutRights(command: readonly string[]): [string, string[]] {
  const [program = '', ...args] = command;
  if (process.getuid?.() !== 0) return [program, args];
  return ['setpriv', [...ROOT_WITHOUT_CAPABILITIES, program, ...args]];
}

t.test('hits on our own process are measured', { skip }, async t => {
  const { measured, evidence, perHitNs } = calibrate();
  t.equal(measured, true, evidence);
  t.match(evidence, /^4000 hits on our own process/);
  for (const cost of Object.values(perHitNs)) t.ok(cost > 0);
  t.equal(perHitNs.kernel, FALLBACK_NS.kernel, 'kernel probes are assumed');
  t.equal(calibrate().perHitNs, perHitNs, 'once per process');
});

t.test('without rights it falls back, and says so', async t => {
  const module = new URL('./calibration.js', import.meta.url).href;
  const script = `
    const { calibrate } = await import(${JSON.stringify(module)});
    console.log(JSON.stringify(calibrate()));`;
  const node = [process.execPath, '--input-type=module', '-e', script];
  const output = execFileSync(...withoutRights(node));
  const { measured, evidence, perHitNs } = JSON.parse(output.toString()) as Calibration;
  t.equal(measured, false);
  t.match(evidence, /^assumed figures, calibration failed: ./);
  t.same(perHitNs, FALLBACK_NS);
});
