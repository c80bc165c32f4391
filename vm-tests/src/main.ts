#!/usr/bin/env node
/**
 * `sonde-vm`: the kernel matrix from the command line.
 *
 * Results go to standard output, progress to standard error. The fact readers get wrong: the host is
 * one more place to run in, not a fallback. `run` uses it beside the guests wherever it works.
 */
import { readdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { goReleases } from '@sonde/toolchain';
import { prepareCells } from './guest/fleet.js';
import { testSuite, type TestSuite } from './lanes/bundle.js';
import { runJob } from './lanes/job.js';
import { runKernelTests, type KernelTestRequest } from './lanes/kernel-tests.js';
import { workspaceRoot } from './lanes/objects.js';
import { allCells, hostArchitecture, packageRoot, readMatrix, selectCells } from './matrix.js';
import { buildWorkloads } from './workloads.js';

const USAGE = `usage: sonde-vm cells
       sonde-vm prepare [--cells LIST]
       sonde-vm workloads [--arch LIST] [--go RELEASE|all] [NAME…]
       sonde-vm run [--cells LIST] [--lane host|guest] [--probes LIST] [--results FILE] [--jobs N]
       sonde-vm job [--cell NAME] [--duration 20s] [flags of sonde trace] | job [--cell NAME] -- ARGS…

LIST is comma-separated. Cells are named KERNEL-ARCH; a kernel, an architecture, "fast" and "full"
select several. --probes takes project names or folders; all with kernel tests when left out.`;

class UsageError extends Error {}

const stopper = new AbortController();
const progress = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
const list = (text: string | undefined): string[] => (text ?? '').split(',').filter(Boolean);

/** Ends the guests first, so that their folders are complete and nothing is left to the kernel. */
function stopOnSignals(): void {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(signal, () => {
      process.exitCode = code;
      stopper.abort();
      setTimeout(() => process.exit(code), 5000).unref();
    });
  }
  // An executor that is killed closes this pipe; it cannot send a signal any more.
  if (process.env['SONDE_PARENT_PIPE'] === '1') {
    process.stdin.on('close', () => process.exit(143)).resume();
    process.stdin.unref?.();
  }
}

async function suitesFrom(words: readonly string[]): Promise<TestSuite[]> {
  if (words.length > 0) {
    const folders = words.map(word => {
      const tries = [
        resolve(word),
        join(workspaceRoot, 'packages', word),
        join(workspaceRoot, word),
      ];
      const found = tries.find(t => existsSync(join(t, 'package.json')));
      if (found === undefined) throw new UsageError(`run tests of ${word}: no such project`);
      return found;
    });
    return Promise.all(folders.map(testSuite));
  }
  const names = (await readdir(join(workspaceRoot, 'packages'))).filter(n =>
    n.startsWith('probe-'),
  );
  return Promise.all(names.sort().map(n => testSuite(join(workspaceRoot, 'packages', n))));
}

async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      cells: { type: 'string' },
      lane: { type: 'string' },
      probes: { type: 'string' },
      results: { type: 'string' },
      jobs: { type: 'string' },
      out: { type: 'string' },
      'suite-timeout': { type: 'string', default: '300' },
    },
  });
  const lane = values.lane ?? process.env['SONDE_LANE'] ?? '';
  if (!['', 'host', 'guest'].includes(lane)) throw new UsageError(`choose lane: no lane ${lane}`);
  const matrix = readMatrix();
  const suites = await suitesFrom([...list(values.probes), ...positionals]);
  const wanted = list(values.cells ?? process.env['SONDE_CELLS']);
  const texts = new Map<string, string[]>(suites.map(s => [s.name, []]));
  const jobs = Number(values.jobs ?? process.env['SONDE_VM_JOBS'] ?? 0);
  const request: KernelTestRequest = {
    matrix,
    suites,
    cells: lane === 'host' ? [] : selectCells(matrix, wanted.length > 0 ? wanted : ['fast']),
    host: lane === 'host' ? 'must' : lane === 'guest' ? 'never' : 'auto',
    outDir: resolve(values.out ?? join(packageRoot, 'out', outName(suites))),
    suiteTimeoutSeconds: Number(values['suite-timeout']),
    progress,
    signal: stopper.signal,
    ...(jobs > 0 ? { jobs } : {}),
    print: (text, suite) => {
      process.stdout.write(`${text}\n`);
      for (const [name, lines] of texts)
        if (suite === undefined || suite === name) lines.push(text);
    },
  };
  const verdicts = await runKernelTests(request);
  const results = suites.map(({ name }) => {
    const own = verdicts.filter(v => v.suite === name);
    const ok = own.length > 0 && own.every(v => v.ok);
    return { name, ok, verdicts: own, text: (texts.get(name) ?? []).join('\n') };
  });
  if (values.results) await writeFile(values.results, JSON.stringify({ suites: results }));
  const failed = results.filter(r => !r.ok).map(r => r.name);
  const sum = (key: 'passed' | 'failed' | 'skipped' | 'compared'): number =>
    verdicts.reduce((total, v) => total + v[key], 0);
  const places = `${suites.length} packages, ${new Set(verdicts.map(v => v.cell)).size} kernels`;
  process.stdout.write(
    `${places}: ${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped; ` +
      `${sum('compared')} events compared${failed.length > 0 ? `; failed: ${failed.join(', ')}` : ''}\n`,
  );
  return failed.length > 0 || verdicts.length === 0 ? 1 : 0;
}

/** One folder per set of suites, so that two runs at once do not write into each other's. */
function outName(suites: readonly TestSuite[]): string {
  return suites.length === 1 ? (suites[0]?.name ?? 'none') : 'batch';
}

async function workloads(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { arch: { type: 'string' }, go: { type: 'string' } },
  });
  const matrix = readMatrix();
  const wanted = list(values.arch);
  const architectures = matrix.architectures.filter(
    a => wanted.length === 0 || wanted.includes(a.name) || wanted.includes(a.bpf),
  );
  if (architectures.length === 0)
    throw new UsageError(`build workloads: no architecture ${values.arch}`);
  const releases: (string | undefined)[] =
    values.go === 'all'
      ? [undefined, ...Object.keys(goReleases)]
      : values.go
        ? list(values.go)
        : [undefined];
  for (const architecture of architectures) {
    for (const goRelease of releases) {
      const paths = await buildWorkloads({
        architecture,
        progress,
        ...(goRelease === undefined ? {} : { goRelease }),
        ...(positionals.length > 0 ? { names: positionals } : {}),
      });
      process.stdout.write(`${paths.join('\n')}\n`);
    }
  }
  return 0;
}

/** Takes `--name VALUE` or `--name=VALUE` out of the arguments before `--`. */
function takeOption(args: string[], name: string): string | undefined {
  const end = args.indexOf('--');
  const index = args.findIndex(
    (a, i) => (end < 0 || i < end) && (a === name || a.startsWith(`${name}=`)),
  );
  if (index < 0) return undefined;
  const [word = ''] = args.splice(index, 1);
  if (word !== name) return word.slice(name.length + 1);
  const [value] = args.splice(index, 1);
  if (value === undefined) throw new UsageError(`read ${name}: it needs a value`);
  return value;
}

async function job(given: string[]): Promise<number> {
  const args = [...given];
  const matrix = readMatrix();
  const host = hostArchitecture(matrix);
  const fast = allCells(matrix).filter(c => c.architecture === host && c.kernel.set === 'fast');
  const name = takeOption(args, '--cell') ?? fast[fast.length - 1]?.name ?? '';
  const out = takeOption(args, '--out') ?? join(packageRoot, 'out', 'job');
  const timeout = Number(takeOption(args, '--timeout') ?? 300);
  const [cell, ...more] = selectCells(matrix, [name]);
  if (!cell || more.length > 0) throw new UsageError(`choose cell: ${name} is more than one`);
  const own = args[0] === '--';
  if (!own) {
    await buildWorkloads({ architecture: cell.architecture, names: ['leaky'], progress });
  }
  const result = await runJob({
    matrix,
    cell,
    args: own ? args.slice(1) : ['trace', ...args],
    withLeaky: !own,
    timeoutSeconds: timeout,
    columns: Number(process.env['COLUMNS'] ?? 100) || 100,
    outDir: isAbsolute(out) ? out : resolve(out),
    progress,
    signal: stopper.signal,
    print: line => process.stdout.write(`${line}\n`),
  });
  if (result.exitCode !== 0 && result.errors) progress(result.errors);
  progress(
    `ran in cell ${cell.name} (${result.release ?? 'never started'}); files: ${result.outDir}`,
  );
  return result.exitCode === 125 ? 1 : result.exitCode;
}

async function main(argv: string[]): Promise<number> {
  const [verb, ...args] = argv;
  const matrix = readMatrix();
  switch (verb) {
    case 'cells':
      for (const cell of allCells(matrix)) {
        process.stdout.write(
          `${cell.name.padEnd(12)} ${cell.kernel.set}  Debian ${cell.kernel.suite}\n`,
        );
      }
      return 0;
    case 'prepare': {
      const cells = list(takeOption(args, '--cells'));
      await prepareCells(
        matrix,
        selectCells(matrix, cells.length > 0 ? cells : ['fast']),
        progress,
      );
      return 0;
    }
    case 'run':
      return run(args);
    case 'workloads':
      return workloads(args);
    case 'job':
      return job(args);
    default:
      throw new UsageError(verb === undefined ? 'say what to do' : `no command ${verb}`);
  }
}

stopOnSignals();
try {
  const code = await main(process.argv.slice(2));
  process.exitCode ||= code;
} catch (error) {
  const usage =
    error instanceof UsageError ||
    (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  progress(`sonde-vm: ${(error as Error).message}`);
  const { hint } = error as { hint?: string };
  if (hint) progress(`  ${hint}`);
  if (usage) progress(USAGE);
  process.exitCode ||= usage ? 2 : 1;
}
