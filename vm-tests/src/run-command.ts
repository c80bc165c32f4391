/**
 * `sonde-vm run`: kernel tests of some projects in some cells, and a result for each project.
 *
 * The fact readers get wrong: a project that cannot be bundled, or has no compiled tests, fails
 * alone; the others still run in the same boots.
 */
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError, commaList, progress } from './command-line.js';
import { testSuite, type TestSuite } from './lanes/bundle.js';
import { runKernelTests, type KernelTestRequest } from './lanes/kernel-tests.js';
import { workspaceRoot } from './lanes/objects.js';
import { brokenSuite, verdictLine, type SuiteVerdict } from './lanes/verdict.js';
import { packageRoot, readMatrix, selectCells } from './matrix.js';

/** One project of a run: its suite, or why it has none. */
interface Project {
  readonly folder: string;
  readonly name: string;
  readonly suite?: TestSuite;
  readonly broken?: SuiteVerdict;
}

const OPTIONS = {
  cells: { type: 'string' },
  lane: { type: 'string' },
  probes: { type: 'string' },
  results: { type: 'string' },
  jobs: { type: 'string' },
  out: { type: 'string' },
  'suite-timeout': { type: 'string', default: '600' },
} as const;

/** Returns the folders of the named projects, or of every probe. */
async function projectFolders(words: readonly string[]): Promise<string[]> {
  if (words.length === 0) {
    const names = await readdir(join(workspaceRoot, 'packages'));
    return names.filter(n => n.startsWith('probe-')).map(n => join(workspaceRoot, 'packages', n));
  }
  return words.map(word => {
    const places = ['', workspaceRoot, join(workspaceRoot, 'packages')];
    const tries = places.map(place => resolve(place, word));
    const found = tries.find(t => existsSync(join(t, 'package.json')));
    if (found === undefined) throw new UsageError(`run tests of ${word}: no such project`);
    return found;
  });
}

async function openProject(folder: string): Promise<Project> {
  try {
    const suite = await testSuite(folder);
    return { folder, name: suite.name, suite };
  } catch (error) {
    const name = basename(folder);
    return { folder, name, broken: brokenSuite(name, 'dist', (error as Error).message) };
  }
}

/** One folder per set of suites, so that two runs at once do not write into each other's. */
function outFolder(projects: readonly Project[]): string {
  const name = projects.length === 1 ? (projects[0]?.name ?? 'none') : 'batch';
  return join(packageRoot, 'out', name);
}

function chooseLane(word: string | undefined): KernelTestRequest['host'] {
  const lane = word ?? process.env['SONDE_LANE'] ?? '';
  if (lane === 'host') return 'must';
  if (lane === 'guest') return 'never';
  if (lane !== '') throw new UsageError(`choose lane: there is no lane ${lane}`);
  return 'auto';
}

function totals(verdicts: readonly SuiteVerdict[], projects: number, failed: string[]): string {
  const sum = (key: 'passed' | 'failed' | 'skipped' | 'compared'): number =>
    verdicts.reduce((total, verdict) => total + verdict[key], 0);
  const where = `${projects} projects on ${new Set(verdicts.map(v => v.cell)).size} kernels`;
  const counts = `${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`;
  const end = failed.length > 0 ? `; failed: ${failed.join(', ')}` : '';
  return `${where}: ${counts}, ${sum('compared')} events compared${end}`;
}

/**
 * Runs `sonde-vm run` and returns its exit code: 0 only when every project passed everywhere. With
 * `--results FILE` it writes `{suites: [{folder, name, ok, text, verdicts}]}` there, folders from
 * the workspace's root.
 */
export async function runCommand(args: string[], signal: AbortSignal): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  const host = chooseLane(values.lane);
  const matrix = readMatrix();
  const wanted = commaList(values.cells ?? process.env['SONDE_CELLS']);
  const cells = host === 'must' ? [] : selectCells(matrix, wanted.length > 0 ? wanted : ['fast']);
  const folders = await projectFolders([...commaList(values.probes), ...positionals]);
  const projects = await Promise.all(folders.map(openProject));
  const texts = new Map<string, string[]>(projects.map(p => [p.name, []]));
  const print = (text: string, suite: string | undefined): void => {
    process.stdout.write(`${text}\n`);
    for (const [name, lines] of texts) if (suite === undefined || suite === name) lines.push(text);
  };
  const verdicts: SuiteVerdict[] = projects.flatMap(p => p.broken ?? []);
  for (const verdict of verdicts) print(verdictLine(verdict), verdict.suite);
  const suites = projects.flatMap(p => p.suite ?? []);
  const jobs = Number(values.jobs ?? process.env['SONDE_VM_JOBS'] ?? 0);
  if (suites.length > 0) {
    const outDir = values.out === undefined ? outFolder(projects) : resolve(values.out);
    const suiteTimeoutSeconds = Number(values['suite-timeout']);
    const builds = wanted.includes('full') ? 'full' : 'fast';
    const request = { matrix, suites, cells, host, builds, outDir, suiteTimeoutSeconds } as const;
    const options = jobs > 0 ? { jobs } : {};
    verdicts.push(...(await runKernelTests({ ...request, ...options, progress, signal, print })));
  }
  const results = projects.map(({ folder, name }) => {
    const own = verdicts.filter(v => v.suite === name);
    const ok = own.length > 0 && own.every(v => v.ok);
    const text = (texts.get(name) ?? []).join('\n');
    return { folder: relative(workspaceRoot, folder), name, ok, text, verdicts: own };
  });
  if (values.results) await writeFile(values.results, JSON.stringify({ suites: results }));
  const failed = results.filter(r => !r.ok).map(r => r.name);
  process.stdout.write(`${totals(verdicts, projects.length, failed)}\n`);
  return failed.length > 0 || results.length === 0 ? 1 : 0;
}
