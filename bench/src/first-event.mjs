// @ts-check
/**
 * `node first-event.mjs PID`: opens a session with the probe of C allocations, prints "first" at
 * the first event and ends. Run by the benchmark of start-up times.
 */
import { openSession } from '@sonde/core';
import cgoMalloc from '@sonde/probe-cgo-malloc';

const session = await openSession({
  pid: Number(process.argv[2]),
  probes: [{ module: cgoMalloc, mode: 'stream' }],
  maxOverhead: 'off',
});
let seen = false;
session.onEvents(() => {
  if (seen) return;
  seen = true;
  process.stdout.write('first\n');
  // Links die with their descriptors: nothing needs to be undone.
  setImmediate(() => process.exit(0));
});
