/**
 * Executes the code blocks of the pages in this folder: blocks with `file=` are written, blocks of
 * `sh` are run. What a reader would get wrong: a page stands for one package. Its blocks go to
 * out/docs, and commands that name the package in packages/ are run on that folder.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** The one guest that commands of the pages boot where the host lane does not work. */
const CELL = `6.12-${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
const HOST = hostWorks();
const BLOCK = /^```(\w*)(?: file=(\S+))?\n([\s\S]*?)^```$/gm;

/** Whether tests run on this kernel. @returns {boolean} */
function hostWorks() {
  if (process.env['SONDE_LANE'] === 'guest') return false;
  const args = ['packages/cli/dist/main.js', 'doctor', '--json'];
  const { stdout } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  return JSON.parse(stdout).host.works;
}

// A guest that is built and booted takes longer than tap's half a minute.
t.setTimeout(0);

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {string} what it printed; the test fails when it did not exit with 0
 */
function run(command, args) {
  // A test that is run below tap leaves out the line of its totals, and this one is below tap.
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('TAP'));
  const lane = { SONDE_CELLS: CELL, SONDE_LANE: HOST ? 'host' : 'guest' };
  const env = { ...Object.fromEntries(own), ...lane };
  const result = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', env });
  t.equal(result.status, 0, `${command} ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

t.test('a probe written as the page says is generated, compiled, tested and run', async t => {
  const page = readFileSync(join(ROOT, 'docs', 'adding-a-probe.md'), 'utf8');
  // A sibling of nothing: two levels below the root, as packages/probe-x is, so ../../ is the root.
  const folder = join('out', 'probe-syscalls');
  rmSync(join(ROOT, folder), { recursive: true, force: true });
  let written = 0;
  let commands = 0;
  /** @type {string[]} */
  const outputs = [];
  for (const [, language, file, text = ''] of page.matchAll(BLOCK)) {
    if (file !== undefined) {
      const path = join(ROOT, folder, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text.replace('../core/tsconfig', '../../packages/core/tsconfig'));
      written++;
    } else if (language === 'sh') {
      for (const line of text.trim().split('\n')) {
        const [command = '', ...args] = line.replace('packages/probe-syscalls', folder).split(' ');
        outputs.push(run(command, args));
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
  if (HOST) await runsAsShown(t, page, folder);
});

/**
 * Runs the probe on a program here; the table's head has to be the one that the page shows.
 *
 * @param {import('tap').Test} t
 * @param {string} page
 * @param {string} folder the probe's
 */
async function runsAsShown(t, page, folder) {
  const arch = process.arch === 'arm64' ? 'arm64' : 'x86_64';
  const touch = spawn(join(ROOT, 'vm-tests/dist/workloads', arch, 'touch'), {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const timer = setInterval(() => touch.stdin.write('kernel 1\n'), 50);
  const program = ['packages/cli/dist/main.js', 'run', 'syscalls', '--probe', folder];
  const args = [...program, '--pid', `${touch.pid}`, '--duration', '1s'];
  const sonde = spawn(process.execPath, args, { cwd: ROOT });
  let out = '';
  sonde.stdout.on('data', chunk => (out += chunk));
  await new Promise(resolve => sonde.once('close', resolve));
  clearInterval(timer);
  touch.stdin.end();
  const [, shown = ''] = /^```text\n(EVENT.*)$/m.exec(page) ?? [];
  const [head = '', first = ''] = out.split('\n');
  t.equal(head, shown, 'the head of the table');
  t.match(first, /^call +\d+\.\d{6} +\d+ +\d+$/);
}

t.test('the tests that the page on testing shows pass, on a kernel where this one lets them', t => {
  const page = readFileSync(join(ROOT, 'docs', 'testing-a-probe.md'), 'utf8');
  const folder = join('out', 'probe-syscalls');
  const files = [];
  let out = '';
  for (const [, language, file, text = ''] of page.matchAll(BLOCK)) {
    if (file !== undefined) {
      mkdirSync(dirname(join(ROOT, folder, file)), { recursive: true });
      writeFileSync(join(ROOT, folder, file), text);
      files.push(file);
    } else if (language === 'sh') {
      for (const line of text.trim().split('\n')) {
        out = run('bash', ['-c', line.replace('packages/probe-syscalls', folder)]);
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
  t.match(run('node', [join(folder, 'dist/syscalls.test.js')]), /^# \{ total: 3, pass: 3 \}$/m);
  t.end();
});

t.test('the commands of the page on reading programs work as it says', async t => {
  const page = readFileSync(join(ROOT, 'docs', 'inspect-and-symbolize.md'), 'utf8');
  /** @type {string[]} */
  const outputs = [];
  for (const [, language, , text = ''] of page.matchAll(BLOCK)) {
    if (language !== 'sh') continue;
    for (const line of text.trim().split('\n')) outputs.push(run('bash', ['-c', line]));
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
