/**
 * `nx g @sonde/codegen:probe NAME` and `sonde-codegen new NAME`: the files of a new probe that
 * works at once. It reports the system calls of the target, until its author writes something
 * better. What a reader would get wrong: no list of probes has to be changed. The Nx plugin finds
 * the schema, and the command line finds the key `sonde.probe` of the package.
 */

/**
 * The files of a new probe, as text by path from the workspace's root.
 *
 * @param {string} name kebab case, without `probe-`
 * @returns {Record<string, string>}
 * @throws {TypeError} for a name that is not kebab case
 */
export function probeFiles(name) {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    throw new TypeError(`make probe "${name}": the name is not kebab case, such as socket-reads`);
  }
  const root = `packages/probe-${name}`;
  return {
    [`${root}/package.json`]: `${JSON.stringify(packageJson(name), null, 2)}\n`,
    [`${root}/tsconfig.json`]: json({ files: [], references: [{ path: './tsconfig.lib.json' }] }),
    [`${root}/tsconfig.lib.json`]: json(TSCONFIG),
    [`${root}/README.md`]: readme(name),
    [`${root}/src/schema.ts`]: schema(name),
    [`${root}/src/${snake(name)}.bpf.c`]: program(name),
    [`${root}/src/probe.ts`]: probeModule(name),
    [`${root}/src/${name}.kernel.test.ts`]: kernelTest(name),
  };
}

/**
 * The Nx generator.
 *
 * @param {import('@nx/devkit').Tree} tree
 * @param {{ name: string }} options
 */
export default function generate(tree, options) {
  for (const [path, text] of Object.entries(probeFiles(options.name))) {
    if (tree.exists(path)) throw new Error(`make probe ${options.name}: ${path} exists already`);
    tree.write(path, text);
  }
}

/** @param {unknown} value */
const json = value => `${JSON.stringify(value, null, 2)}\n`;

/** @param {string} name */
const snake = name => name.replaceAll('-', '_');

const TSCONFIG = {
  extends: '../../tsconfig.base.json',
  compilerOptions: { rootDir: 'src', outDir: 'dist', tsBuildInfoFile: 'dist/.tsbuildinfo' },
  include: ['src/**/*.ts'],
  references: [{ path: '../core/tsconfig.lib.json' }, { path: '../../vm-tests/tsconfig.lib.json' }],
};

/** @param {string} name */
function packageJson(name) {
  return {
    name: `@sonde/probe-${name}`,
    version: '0.1.0',
    description: `Sonde probe: ${name}`,
    license: 'Apache-2.0',
    type: 'module',
    engines: { node: '>=20.19.0' },
    nx: { name: `probe-${name}`, tags: ['room:probe'] },
    files: ['dist', '!dist/**/*.test.*'],
    exports: {
      '.': { types: './dist/probe.d.ts', default: './dist/probe.js' },
      './schema': { types: './dist/schema.d.ts', default: './dist/schema.js' },
    },
    sonde: { probe: './dist/probe.js' },
    dependencies: { '@sonde/core': '0.1.0' },
    devDependencies: { '@sonde/vm-tests': '0.1.0' },
  };
}

/** @param {string} name */
function schema(name) {
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

/** @param {string} name */
function program(name) {
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

/** @param {string} name */
function probeModule(name) {
  return `/**
 * The probe ${name} as sessions load it. The key \`sonde.probe\` of package.json points here.
 */
export { probe, probe as default } from './gen/${name}.js';
`;
}

/** @param {string} name */
function kernelTest(name) {
  return `/**
 * The probe ${name} on a real kernel, against what the traced program says about itself.
 */
import { openSession } from '@sonde/core';
import { reportCompared, startWorkload } from '@sonde/vm-tests/kit';
import t from 'tap';
import { CallCursor, probe } from './gen/${name}.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

/** Number of write(2): include/uapi/asm-generic/unistd.h, and x86_64's own table. */
const WRITE = process.arch === 'arm64' ? 64 : 1;

const COMMANDS = 5;

t.test('every answer of the program is a call of write', async t => {
  const workload = startWorkload('touch');
  t.teardown(() => workload.stop());
  await workload.next();
  const session = await openSession({ pid: workload.pid, probes: [{ module: probe }] });
  t.teardown(() => session.close());
  const cursor = new CallCursor();
  let writes = 0;
  session.onEvent('${name}', 'call', (view, offset) => {
    if (cursor.at(view, offset).number === WRITE) writes += 1;
  });
  for (let sent = 0; sent < COMMANDS; sent += 1) await workload.command('write 1');
  session.drain();
  t.ok(writes >= COMMANDS, \`\${writes} calls for \${COMMANDS} answers\`);
  reportCompared(writes);
});
`;
}

/** @param {string} name */
function readme(name) {
  return `# probe-${name}

Reports the system calls of the traced process.

\`\`\`sh
npm install
npx nx run probe-${name}:test
npx sonde run ${name} --pid PID
\`\`\`

- \`src/schema.ts\` declares events, maps, parameters and attach points. Start there.
- \`src/${snake(name)}.bpf.c\` fills the events.
- \`src/${name}.kernel.test.ts\` runs on every kernel of \`vm-tests/matrix.json\`.
- \`src/gen/\` is printed from the schema by \`npx nx run probe-${name}:codegen\`; commit it.
`;
}
