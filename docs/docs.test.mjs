/**
 * Executes the code blocks of the pages in this folder: blocks with `file=` are written, blocks of
 * `sh` are run. What a reader would get wrong: a page stands for one package. Its blocks go to
 * out/docs, and commands that name the package in packages/ are run on that folder.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { blocksOf, CELL, HOST, readPage, ROOT, run, runsAsShown } from './page.mjs';

// A guest that is built and booted takes longer than tap's half a minute.
t.setTimeout(0);

t.test('a probe written as the page says is generated, compiled, tested and run', async t => {
  const page = readPage('adding-a-probe.md');
  // A sibling of nothing: two levels below the root, as packages/probe-x is, so ../../ is the root.
  const folder = join('out', 'probe-syscalls');
  rmSync(join(ROOT, folder), { recursive: true, force: true });
  let written = 0;
  let commands = 0;
  /** @type {string[]} */
  const outputs = [];
  for (const { language, file, text } of blocksOf(page)) {
    if (file !== undefined) {
      const path = join(ROOT, folder, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text.replace('../core/tsconfig', '../../packages/core/tsconfig'));
      written++;
    } else if (language === 'sh') {
      for (const line of text.trim().split('\n')) {
        const [command = '', ...args] = line.replace('packages/probe-syscalls', folder).split(' ');
        outputs.push(run(t, command, args));
        commands++;
      }
    }
  }
  t.equal(written, 7, 'files of the page');
  t.equal(commands, 4, 'commands of the page');
  for (const arch of ['x86_64', 'arm64']) {
    t.ok(existsSync(join(ROOT, folder, 'dist', 'bpf', `syscalls.${arch}.bpf.o`)), arch);
  }
  const { probe } = await import(join(ROOT, folder, 'dist', 'probe.js'));
  t.equal(probe.ir.name, 'syscalls');
  t.strictSame(Object.keys(probe.events), ['call']);
  const place = HOST ? 'host' : CELL;
  t.match(outputs.at(-1), new RegExp(`^ok +probe-syscalls in ${place}: .*, 3 events`, 'm'));
  if (!HOST) return;
  const how = { folder, workload: 'touch', command: 'kernel 1', args: ['syscalls'] };
  t.match(await runsAsShown(t, page, how), /^call +\d+\.\d{6} +\d+ +\d+$/);
});

t.test('the tests that the page on testing shows pass, on a kernel where this one lets them', t => {
  const page = readPage('testing-a-probe.md');
  const folder = join('out', 'probe-syscalls');
  const files = [];
  let out = '';
  for (const { language, file, text } of blocksOf(page)) {
    if (file !== undefined) {
      mkdirSync(dirname(join(ROOT, folder, file)), { recursive: true });
      writeFileSync(join(ROOT, folder, file), text);
      files.push(file);
    } else if (language === 'sh') {
      for (const line of text.trim().split('\n')) {
        out = run(t, 'bash', ['-c', line.replace('packages/probe-syscalls', folder)]);
      }
    }
  }
  t.strictSame(files, [
    'src/syscalls.test.ts',
    'src/syscalls.kernel.test.ts',
    'workloads/parent-go/main.go',
    'workloads/parent-c/main.c',
    'src/own.kernel.test.ts',
  ]);
  const place = HOST ? 'host' : CELL;
  t.match(out, new RegExp(`^ok +probe-syscalls in ${place}: .*, 9 events`, 'm'));
  t.match(run(t, 'node', [join(folder, 'dist/syscalls.test.js')]), /^# \{ total: 3, pass: 3 \}$/m);
  t.end();
});

t.test('the commands of the page on reading programs work as it says', async t => {
  const page = readPage('inspect-and-symbolize.md');
  /** @type {string[]} */
  const outputs = [];
  for (const { language, text } of blocksOf(page)) {
    if (language !== 'sh') continue;
    for (const line of text.trim().split('\n')) outputs.push(run(t, 'bash', ['-c', line]));
  }
  const [, text = '', json = '', line = '', ndjson = '', moves = '', table = '', tables = ''] =
    outputs;
  t.match(text, /^out\/docs-example\/service: go1\./);
  t.equal(JSON.parse(json).schema, 'sonde.inspect/1');
  t.match(line, /^0x401000 /);
  t.equal(JSON.parse(ndjson).address, '0x401000');
  t.match(moves, /fields of the runtime/);
  t.match(table, /1\.24\/arm64/);
  t.ok(JSON.parse(tables)['1.24.6/amd64']);
});

t.test('every command that the pages and the README name exists', async t => {
  const scripts = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts;
  const pages = readdirSync(join(ROOT, 'docs')).filter(name => name.endsWith('.md'));
  const texts = [join('..', 'README.md'), join('..', 'CONTRIBUTING.md'), ...pages].map(name =>
    readFileSync(join(ROOT, 'docs', name), 'utf8'),
  );
  for (const text of texts) {
    for (const [, name = ''] of text.matchAll(/npm (start|test)\b/g)) t.ok(scripts[name], name);
    for (const [, link = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      t.ok(existsSync(join(ROOT, link)) || existsSync(join(ROOT, 'docs', link)), `link ${link}`);
    }
  }
});
