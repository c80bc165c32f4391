/**
 * The process that runs the tests of one round. It is started before there is anything to run,
 * loads what every test imports, and waits: so a round pays for the tests alone.
 *
 * What a reader would get wrong: one agent runs one round and ends, because tap keeps its state for
 * the life of a process. The next one is loading while the author reads the verdict.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as core from '@sonde/core';
import * as decode from '@sonde/core/decode';
import * as libbpf from '@sonde/core/libbpf';
import * as loader from '@sonde/core/loader';
import * as ringbuf from '@sonde/core/ringbuf';
import * as schema from '@sonde/core/schema';
import * as stacks from '@sonde/core/stacks';
import * as target from '@sonde/core/target';
import * as kit from '@sonde/vm-tests/kit';
import t from 'tap';
import { READY, type DeliveredFile, type Order } from './protocol.js';

/** What a bundle of tests finds here in place of its own copy; `bundle-tests.ts` has the names. */
const PRELOADED: Readonly<Record<string, unknown>> = {
  '@sonde/core': core,
  '@sonde/core/decode': decode,
  '@sonde/core/libbpf': libbpf,
  '@sonde/core/loader': loader,
  '@sonde/core/ringbuf': ringbuf,
  '@sonde/core/schema': schema,
  '@sonde/core/stacks': stacks,
  '@sonde/core/target': target,
  '@sonde/vm-tests/kit': kit,
  tap: { default: t },
};

/** Reads up to the first newline; a device gives a line at a time, a pipe whatever has come. */
function firstLine(): string {
  const buffer = Buffer.alloc(65536);
  let length = 0;
  for (;;) {
    const read = readSync(0, buffer, length, buffer.length - length, null);
    if (read === 0) return '';
    length += read;
    const end = buffer.subarray(0, length).indexOf(10);
    if (end >= 0) return buffer.toString('utf8', 0, end);
  }
}

/** Times that a program is opened beforehand: by then what opens it is compiled. */
const REHEARSALS = 3;

function receive(file: DeliveredFile): void {
  if (file.offset === undefined || file.bytes === undefined) return;
  const bytes = new Uint8Array(file.bytes);
  const device = openSync(process.env['RESULTS'] ?? '', 'r');
  let have = 0;
  while (have < bytes.length) {
    const read = readSync(device, bytes, have, bytes.length - have, file.offset + have);
    if (read === 0) throw new Error(`receive ${file.path}: the disk ends at byte ${have}`);
    have += read;
  }
  closeSync(device);
  writeFileSync(file.path, bytes);
}

/**
 * Loads the objects of the round before, where there was one: the types of the kernel are then in
 * memory, and the way through libbpf is compiled. Whether the kernel takes them is of no interest.
 */
function rehearseLoading(): void {
  const folder = process.env['SONDE_OBJECT_DIR'] ?? '';
  if (folder === '') return;
  for (const name of readdirSync(folder).filter(each => each.endsWith('.bpf.o'))) {
    const object = new libbpf.BpfObject('rehearsal', readFileSync(join(folder, name)));
    try {
      object.load();
    } finally {
      object.close();
    }
  }
}

/**
 * Does once, while nobody waits, what every test does first: asks the kernel for its features,
 * which is remembered, and opens a program, which the next time is compiled code. Under emulation
 * that is two seconds. What fails here will fail in the tests, and is said there.
 */
async function rehearse(): Promise<void> {
  try {
    await loader.Features.ask();
    const name = readdirSync(process.env['SONDE_WORKLOADS'] ?? '').find(
      each => !each.includes('-go'),
    );
    if (name === undefined) return;
    const program = kit.startWorkload(name);
    try {
      await program.next();
      for (let time = 0; time < REHEARSALS; time++) {
        const session = await core.openSession({ pid: program.pid, probes: [] });
        await session.close();
      }
      rehearseLoading();
    } finally {
      await program.stop();
    }
  } catch {
    // See above.
  }
}

await rehearse();
Object.assign(globalThis, { sondePreloaded: PRELOADED });
process.stdout.write(`${READY}\n`);
const line = firstLine();
if (line !== '') {
  const order = JSON.parse(line) as Order;
  for (const file of order.files) receive(file);
  Object.assign(process.env, order.env);
  await import(pathToFileURL(order.bundle).href);
}
