/**
 * Programs that a package brings: found by folder, built for this machine, and started from there.
 * No program here needs a download: the C compiler and this machine's Go are all that is used.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import t from 'tap';
import { errorLines } from './command-line.js';
import { startProgram } from './kit/program.js';
import { startWorkload, workloadPath } from './kit/workload.js';
import { hostArchitecture, packageRoot, readMatrix } from './matrix.js';
import {
  buildOwnWorkloads,
  ownWorkloadFiles,
  ownWorkloadFolder,
  ownWorkloads,
} from './own-workloads.js';
import { buildWorkloads } from './workloads.js';

const ARCHITECTURE = hostArchitecture(readMatrix());
const quiet = (): void => undefined;

const ECHO = `#include "say.h"
int main(int argc, char **argv) { return say(argc > 1 ? argv[1] : "nothing"); }
`;
const SAY = `#include <stdio.h>
#include "say.h"
int say(const char *word) { return printf("said %s\\n", word) < 0; }
`;
const MEMBER = `package main

import "sonde.test/workloads/line"

func main() { line.Serve(map[string]func([]string){"add": func(words []string) {
	line.Print(map[string]int{"sum": line.Number(words, 1, 0) + line.Number(words, 2, 0)})
}}) }
`;
const MODULE = `package main

import "example.test/alone/part"

func main() { println(part.Word) }
`;

t.test('C, Go in the shared module, and Go in a module of its own', async t => {
  const folder = t.testdir({
    workloads: {
      'README.md': 'not a program',
      'echo-c': { 'main.c': ECHO, 'say.c': SAY, 'say.h': 'int say(const char *word);\n' },
      adder: { 'main.go': MEMBER },
      alone: {
        'go.mod': 'module example.test/alone\n\ngo 1.20\n',
        'main.go': MODULE,
        part: { 'part.go': 'package part\n\nconst Word = "part"\n' },
      },
    },
    out: { workloads: { [ARCHITECTURE.bpf]: { renamed: 'built of a folder that is gone' } } },
  });
  const found = await ownWorkloads(folder);
  t.strictSame(
    found.map(({ name, language }) => `${name} ${language}`),
    ['adder go', 'alone go', 'echo-c c'],
  );
  const paths = await buildOwnWorkloads(folder, ARCHITECTURE, quiet);
  t.strictSame(
    paths.map(path => basename(path)),
    ['adder', 'alone', 'echo-c'],
  );
  const built = ownWorkloadFolder(folder, ARCHITECTURE);
  t.notOk(existsSync(join(built, 'renamed')), 'a program without sources is not left behind');
  const files = await ownWorkloadFiles(folder, ARCHITECTURE, 'own');
  t.strictSame(files.map(file => file.to).sort(), ['own/adder', 'own/alone', 'own/echo-c']);

  process.env['SONDE_OWN_WORKLOADS'] = built;
  const adder = startWorkload('adder');
  t.match(await adder.next(), { event: 'ready' });
  t.strictSame(await adder.command('add 2 3'), { sum: 5 });
  t.equal(await adder.stop(), 0);
  const echo = startProgram('echo-c', ['hello']);
  t.equal(await echo.next(), 'said hello');
  t.equal(await echo.exited, 0);
  t.match(execFileSync('sh', ['-c', `${join(built, 'alone')} 2>&1`]).toString(), /^part/);
  t.equal(workloadPath('adder'), join(built, 'adder'), "before any of Sonde's own");
});

t.test('what cannot be built says which program, why, and what to do', async t => {
  const package_ = (workloads: object) => t.testdir({ workloads } as never);
  await t.rejects(ownWorkloads(package_({ notes: { 'a.txt': '' } })), {
    message: /^build workload notes of .*: no \.go and no \.c file in workloads\/notes$/,
    hint: 'each folder below workloads is one program, in Go or in C',
  });
  await t.rejects(ownWorkloads(package_({ touch: { 'main.c': '' } })), {
    message: /^build workload touch of .*: Sonde has a workload of that name$/,
    hint: 'rename the folder workloads/touch',
  });
  const broken = package_({ bad: { 'main.c': 'int main(void) { return missing; }\n' } });
  const error: unknown = await buildOwnWorkloads(broken, ARCHITECTURE, quiet).catch(e => e);
  const [first, ...others] = errorLines(error as Error);
  t.equal(first, `build workload bad for ${ARCHITECTURE.name}`);
  t.match(others.join('\n'), /^ {2}\| main\.c: .*\n {2}\| main\.c:1:25: error: .*missing/);
  await t.rejects(
    buildWorkloads({ architecture: ARCHITECTURE, progress: quiet, names: ['gone'] }),
    {
      message: 'build workload gone: there is no such program',
      hint: /^Sonde has leaky, .*; your own are folders of workloads\/$/,
    },
  );
});

t.test('a package without such a folder brings none; this one lists its own elsewhere', async t => {
  t.strictSame(await ownWorkloads(t.testdir({})), []);
  t.strictSame(await ownWorkloads(packageRoot), []);
});
