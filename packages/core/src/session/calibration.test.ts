/** Calibration against the kernel: it must have counted its own hits, or say why it did not. */
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { hostLane } from '../testing/index.js';
import { calibrate, FALLBACK_NS, type Calibration } from './calibration.js';

const skip = await hostLane();

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
    process.getuid() === 0 && process.setuid(65534);
    console.log(JSON.stringify(calibrate()));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script]);
  const { measured, evidence, perHitNs } = JSON.parse(output.toString()) as Calibration;
  t.equal(measured, false);
  t.match(evidence, /^assumed figures, calibration failed: ./);
  t.same(perHitNs, FALLBACK_NS);
});
