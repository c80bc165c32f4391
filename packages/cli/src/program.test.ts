/** Bad input, help and lists: what is printed where, and with which exit code. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { LoadError, UnsupportedError, UsageError } from '@sonde/core';
import { findProbes, pickProbe } from './discovery.js';
import { writeDiagnosis } from './doctor-command.js';
import { describeFailure } from './exit-codes.js';
import { parseDuration, parseOverhead, parsePid, parseRingBytes } from './quantities.js';
import { wantsColour } from './terminal.js';
import { runSonde } from './testing/command-line.js';

const sonde = (...args: string[]) => runSonde(args);

t.test('bad input is one line and the next step, with exit code 2', async t => {
  const cases: readonly (readonly [args: string[], message: RegExp])[] = [
    [
      ['trace', '--pid', '2147483647'],
      /^sonde: open target 2147483647: no such process\n {2}find it/,
    ],
    [
      ['trace', '--pid', 'abc'],
      /^sonde: read --pid: "abc" is not a process id\n {2}give the number/,
    ],
    [['trace', '--pid', String(process.pid)], /is not a Go program\n {2}give the pid/],
    [['trace'], /^sonde: trace: give either --pid or a command/],
    [['trace', '--pid', '1', '--', 'ls'], /^sonde: trace: give either --pid or a command/],
    [['trace', '--pid', '1', '--duration', 'soon'], /"soon" is not a duration\n {2}write it as/],
    [['trace', '--pid', '1', '--max-overhead', '200%'], /is not a share/],
    [['trace', '--pid', '1', '--fail-on', 'rain'], /^sonde: .*rain.*\n {2}see: sonde trace --help/],
    [['trace', '--', '/no/such/program'], /^sonde: start \/no\/such\/program: .*ENOENT/],
    [
      ['run', 'rain', '--pid', '1'],
      /^sonde: find probe rain: there is no such probe\n {2}there is: /,
    ],
    [
      ['run', 'mallocgc'],
      /^sonde: required option '--pid <n>'.*\n {2}see: sonde run mallocgc --help/,
    ],
    [['symbolize', '/x', '0x1'], /^sonde: too many.*\n {2}see: sonde symbolize --help/],
    [['--rain'], /^sonde: unknown option '--rain'\n {2}see: sonde --help/],
    [['run', 'mallocgc', '--pid', '1', '--max-live', 'x'], /^sonde: read --max-live: "x"/],
    [['run', 'offcpu', '--pid', '1', '--min-ns', '5 ms'], /^sonde: read --min-ns: "5 ms" is not/],
    [['run', 'offcpu', '--pid', '1', '--preempted', '2'], /"2" is neither 0 nor 1$/m],
    [['rain'], /^sonde: unknown command 'rain'\n {2}did you mean run\?/],
  ];
  for (const [args, message] of cases) {
    const { code, err, out } = await sonde(...args);
    t.equal(code, 2, args.join(' '));
    t.match(err, message);
    t.equal(out, '');
    t.ok(err.split('\n').length <= 3, 'two lines at most');
  }
});

t.test('help shows the parameters of a probe as flags, and exits with 0', async t => {
  const run = await sonde('run', 'mallocgc', '--help');
  t.equal(run.code, 0);
  t.match(run.out, /--window-ms <n> +milliseconds during which every allocation/);
  const waits = (await sonde('run', 'offcpu', '--help')).out;
  t.match(waits, /--min-ns <ns> +shorter waits are left out, in nanoseconds/);
  t.match(waits, /--preempted <0\|1>/);
  t.match(waits, /^sonde probes offcpu shows its events/m);
  t.match((await sonde('trace', '--help')).out, /--min-age <time>/);
  t.match((await sonde('--help')).out, /Exit codes: 0 done, 1 failed, 2 bad usage/);
});

t.test('probes are found by their package.json, and listed as text and JSON', async t => {
  const { code, out } = await sonde('probes');
  t.equal(code, 0);
  t.match(out, /^cgo-malloc +C heap allocations/m);
  const { probes } = JSON.parse((await sonde('probes', '--json')).out) as {
    probes: { name: string; attach: { name: string }[] }[];
  };
  t.same(
    probes.map(probe => probe.name),
    ['cgo-malloc', 'mallocgc', 'mmap', 'offcpu', 'pagefault'],
  );
  t.ok(probes.every(probe => probe.attach.length > 0));
});

t.test(
  'sonde probes NAME shows fields, parameters and ways to attach, within the width',
  async t => {
    const { code, out } = await sonde('probes', 'pagefault');
    t.equal(code, 0);
    t.match(out, /^event fault: A page of the process/m);
    t.match(out, /^ {2}address +the address that was touched$/m);
    t.match(out, /^ {2}--max-pages 131072 +most pages remembered$/m);
    t.match(out, /^attach point fault: a page fault of the process\n {2}fentry +repeats of one/m);
    t.ok(out.split('\n').every(line => line.length <= 110));
    const { probes } = JSON.parse((await sonde('probes', 'pagefault', '--json')).out);
    t.match(probes, [{ name: 'pagefault', events: [{ fields: [{ name: 'address' }] }] }]);
    const unknown = await sonde('probes', 'rain');
    t.equal(unknown.code, 2);
    t.match(unknown.err, /^sonde: find probe rain: there is no such probe/);
  },
);

t.test('a probe in node_modules of the current folder is found; --probe wins over it', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-probes-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const add = (path: string, about: string, sonde: object = { probe: './probe.js' }) => {
    mkdirSync(join(folder, path), { recursive: true });
    const manifest = { name: `@x/${about}`, type: 'module', sonde };
    writeFileSync(join(folder, path, 'package.json'), JSON.stringify(manifest));
    const ir = { name: 'rain', about };
    const base = "new URL('.', import.meta.url)";
    const code = `export default { ir: ${JSON.stringify(ir)}, objectBase: ${base} };`;
    writeFileSync(join(folder, path, 'probe.js'), code);
  };
  add('node_modules/@x/found', 'found');
  add('given', 'given');
  add('node_modules/other', 'other', {});
  const about = async (extra: string[]) =>
    pickProbe(await findProbes({ cwd: folder, extra }), 'rain').module.ir.about;
  t.equal(await about([]), 'found');
  t.equal(await about(['given']), 'given');
  t.equal(await about(['given/probe.js']), 'given');
  await t.rejects(findProbes({ cwd: folder, extra: ['nowhere'] }), /^load probe nowhere: /);
  t.same(await findProbes({ cwd: folder, bundled: [] }), [], 'a bundle brings its own');
});

t.test(
  'errors: rights and the unsupported are 2, the rest 1; the hint is the second line',
  async t => {
    const about = { feature: 'ring', since: '5.8' };
    t.match(describeFailure(new UnsupportedError('no ring', about), false), { code: 2 });
    t.same(describeFailure(new UsageError('read x', { hint: 'do y' }), false), {
      lines: ['sonde: read x', '  do y'],
      code: 2,
    });
    const load = new LoadError('load p', { summary: 'R1 invalid', source: 'p.bpf.c:3: x = *y;' });
    t.same(describeFailure(load, false), {
      lines: ['sonde: load p', '  at p.bpf.c:3: x = *y;', '  R1 invalid'],
      code: 1,
    });
    const refused = new Error('load p', { cause: Object.assign(new Error('bpf'), { errno: 1 }) });
    t.match(describeFailure(refused, false), { code: 2, lines: ['sonde: load p', /sonde doctor/] });
  },
);

t.test('durations, shares and pids as people write them', async t => {
  const duration = (text: string) => parseDuration(text, '--duration');
  t.same(['20s', '20', '1m30s', '500ms', '1.5s'].map(duration), [20e9, 20e9, 90e9, 5e8, 1.5e9]);
  for (const bad of ['', '0', '0s', '-3s', '3x', 's']) t.throws(() => duration(bad), UsageError);
  t.same(['10%', '0.1', 'off'].map(parseOverhead), [0.1, 0.1, 'off']);
  for (const bad of ['', '0%', '101%', 'x']) t.throws(() => parseOverhead(bad), UsageError);
  t.same(['4096', '16777216'].map(parseRingBytes), [4096, 16777216]);
  for (const bad of ['', '2048', '5000', '8M', '4294967296', '-4096']) {
    t.throws(() => parseRingBytes(bad), UsageError, bad);
  }
  t.equal(parsePid('17'), 17);
  for (const bad of ['', '0', '-1', '1e3', '99999999999'])
    t.throws(() => parsePid(bad), UsageError);
});

t.test('the doctor says the answer first, and what mends each thing', async t => {
  const text = writeDiagnosis(
    {
      schema: 'sonde.doctor/1',
      host: { works: false, why: 'rights: CAP_BPF missing' },
      kernel: '6.1.0',
      arch: 'x86_64',
      node: 'v20.19.0',
      checks: [
        {
          name: 'rights',
          ok: false,
          needed: true,
          why: 'CAP_BPF missing',
          mend: 'sudo sonde doctor',
        },
        { name: 'tracepoint', ok: false, needed: false, why: 'not mounted' },
      ],
    },
    80,
  );
  t.match(text.split('\n'), [
    'Tracing does not work here: rights: CAP_BPF missing',
    'kernel 6.1.0, x86_64, node v20.19.0',
    '',
    /^NO rights +CAP_BPF missing$/,
    /^ +mend: sudo sonde doctor$/,
    /^-- tracepoint +not mounted$/,
  ]);
  const { host, checks } = JSON.parse((await sonde('doctor', '--json')).out) as {
    host: { works: unknown; why: unknown };
    checks: { ok: boolean; needed: boolean }[];
  };
  t.type(host.works, 'boolean');
  t.type(host.why, 'string');
  t.equal(
    host.works,
    checks.every(check => check.ok || !check.needed),
  );
});

t.test('colour only on a terminal that wants it', async t => {
  t.equal(wantsColour(true, {}), true);
  t.equal(wantsColour(false, {}), false);
  t.equal(wantsColour(true, { NO_COLOR: '1' }), false);
  t.equal(wantsColour(true, { NO_COLOR: '' }), true, 'empty is not set');
  t.equal(wantsColour(true, { TERM: 'dumb' }), false);
});

t.test('the program itself: exit codes, and a reader that goes away', async t => {
  const program = fileURLToPath(new URL('main.js', import.meta.url));
  const bad = spawnSync(process.execPath, [program, 'trace', '--pid', '0'], { encoding: 'utf8' });
  t.equal(bad.status, 2);
  const pipe = `${process.execPath} ${program} probes --json | head -c 1; echo $?`;
  t.equal(execFileSync('bash', ['-c', `set -o pipefail; ${pipe}`], { encoding: 'utf8' }), '{0\n');
});
