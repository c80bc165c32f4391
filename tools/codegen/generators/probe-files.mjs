/**
 * The text of a new probe's own files: schema, program, test and README. What a reader would get
 * wrong: the test is exact. The workload's main thread makes known calls in a known order, and no
 * other process, thread or call may stand in their place.
 */

/** @typedef {{ name: string, commands: ProbeCommands }} ProbeText */
/**
 * @typedef {{ generate: string, test: string, run: string, matrix: string }} ProbeCommands
 * how an author starts things here, for comments and README
 */

/**
 * The name as C has it.
 *
 * @param {string} name kebab case
 */
export const snake = name => name.replaceAll('-', '_');

/**
 * One event, one parameter and one attach point, which works on every kernel.
 *
 * @param {ProbeText} probe
 * @returns {string}
 */
export function schemaText({ name }) {
  return `/**
 * What the probe ${name} declares. Everything else is made from it: the C header, the decoder, the
 * command line's columns and flags.
 */
import { defineProbe, event, param, point, rawTracepoint, tid, u32 } from '@sonde/core/schema';

export default defineProbe({
  name: '${name}',
  about: 'system calls of the target',
  events: {
    call: event('A system call was entered.', {
      number: u32("the call's number on this architecture"),
      tid: tid('thread that made it'),
    }),
  },
  params: {
    firstNumber: param(u32('calls below this number are not reported'), { default: 0 }),
  },
  attach: [
    point('enter', {
      about: 'entry of every system call',
      oneOf: [rawTracepoint('sys_enter', { program: 'call_enter' })],
    }),
  ],
});
`;
}

/**
 * Fills the event of the schema for calls of the target only.
 *
 * @param {ProbeText} probe
 * @returns {string}
 */
export function programText({ name }) {
  const prefix = snake(name);
  return `// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * ${name}: one record for each system call of the target.
 */
#include "gen/${name}.bpf.h"

/* Index of the attach point in the schema. */
#define ENTER_POINT 0

/* include/trace/events/syscalls.h: the registers, then the call's number. */
SEC("raw_tp/sys_enter")
int call_enter(__u64 *ctx)
{
	struct ${prefix}_call *event;
	__u32 number = ctx[1];

	if (!sonde_is_target())
		return 0;
	sonde_hit_point(ENTER_POINT);
	if (number < config.first_number)
		return 0;
	event = ${prefix}_call_reserve();
	if (!event)
		return 0;
	event->number = number;
	event->tid = sonde_tid();
	${prefix}_call_submit(event);
	return 0;
}
`;
}

/**
 * What `sonde.probe` of package.json names, once it is compiled.
 *
 * @param {ProbeText} probe
 * @returns {string}
 */
export function moduleText({ name }) {
  return `/**
 * The probe ${name} as sessions load it. The key \`sonde.probe\` of package.json points here.
 */
export { probe, probe as default } from './gen/${name}.js';
`;
}

/**
 * Compares the calls of the workload `touch` one by one, in order.
 *
 * @param {ProbeText} probe
 * @returns {string}
 */
export function testText({ name }) {
  return `/**
 * The probe ${name} on a real kernel,
 * against what the traced program is known to do. The same file runs on this machine and in guests.
 */
import { readdirSync } from 'node:fs';
import { openSession } from '@sonde/core';
import { startWorkload, witness } from '@sonde/vm-tests/kit';
import t, { type Test } from 'tap';
import { decodeCall, probe } from './gen/${name}.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

/** Numbers of the calls: include/uapi/asm-generic/unistd.h, and x86_64's own table. */
const [OPENAT, READ, WRITE] = process.arch === 'arm64' ? [56, 63, 64] : [257, 0, 1];

const COMMANDS = 5;
/** What the workload \`touch\` does at "kernel 3": opens a file, reads it 3 times, and answers. */
const COMMAND = [OPENAT, READ, READ, READ, WRITE];

/** Sends the commands to the workload; returns its main thread's calls of these three kinds. */
async function callsOfWorkload(t: Pick<Test, 'teardown'>, firstNumber: number) {
  const workload = startWorkload('touch');
  t.teardown(() => workload.stop());
  await workload.next();
  const probes = [{ module: probe, params: { firstNumber } }];
  const session = await openSession({ pid: workload.pid, probes });
  t.teardown(() => session.close());
  const calls: number[] = [];
  const threads = new Set<number>();
  session.onEvent('${name}', 'call', (view, offset) => {
    const { number, tid } = decodeCall(view, offset);
    threads.add(tid);
    if (tid === workload.pid && [OPENAT, READ, WRITE].includes(number)) calls.push(number);
  });
  for (let sent = 0; sent < COMMANDS; sent += 1) await workload.command('kernel 3');
  session.drain();
  const own = new Set(readdirSync(\`/proc/\${workload.pid}/task\`).map(Number));
  const foreign = [...threads].filter(tid => !own.has(tid));
  // The read of a command may be entered before the probe is attached, or after the last answer.
  const first = Math.max(0, calls.indexOf(OPENAT));
  return { calls: calls.slice(first, calls.lastIndexOf(WRITE) + 1), foreign, session };
}

t.test('the calls of a thread, one by one', async t => {
  const seen = witness(t, { probe: '${name}', points: ['enter'] });
  const { calls, foreign, session } = await callsOfWorkload(t, 0);
  const expected = Array.from({ length: COMMANDS }, () => [READ, ...COMMAND]).flat();
  t.strictSame(calls, expected.slice(1), 'what the workload says');
  t.strictSame(foreign, [], 'and no thread of another process');
  seen.saw(session, calls.length);
});

t.test('calls below firstNumber are not reported', async t => {
  const { calls } = await callsOfWorkload(t, READ + 1);
  const expected = Array.from({ length: COMMANDS }, () => COMMAND).flat();
  t.strictSame(
    calls,
    expected.filter(number => number > READ),
  );
});
`;
}

/**
 * How to test and run the probe, and which of its files are whose.
 *
 * @param {ProbeText} probe
 * @returns {string}
 */
export function readmeText({ name, commands }) {
  return `# ${name}

Reports the system calls of the traced process.

\`\`\`sh
${commands.test}
${commands.run}
\`\`\`

- \`src/schema.ts\` declares events, maps, parameters and attach points. Start there.
- \`src/${snake(name)}.bpf.c\` fills the events.
- \`src/${name}.kernel.test.ts\` runs ${commands.matrix}
- \`src/gen/\` is printed from the schema by \`${commands.generate}\`; commit it.
- [src/gen/${name}.md](src/gen/${name}.md) lists events, parameters, maps and ways to attach.
`;
}
