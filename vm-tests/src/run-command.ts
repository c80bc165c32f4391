/**
 * `sonde-vm run`: kernel tests of some projects in some places, and a result for each request.
 *
 * The fact readers get wrong: a project that cannot be bundled, or has no compiled tests, fails
 * alone; the others still run in the same boots.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { commaList } from './command-line.js';
import type { GuestResult } from './guest/boot.js';
import { testSuite, type TestSuite } from './lanes/bundle.js';
import { runKernelTests, type About } from './lanes/kernel-tests.js';
import { projectFolders, type ProjectFolder } from './lanes/projects.js';
import { brokenSuite, verdictLine, type SuiteVerdict } from './lanes/verdict.js';
import { readMatrix, shardOf, type Matrix } from './matrix.js';
import { StatusBoard } from './status.js';
import { hasPlace, joinPlaces, placesOf, type Places, type PlanEntry } from './plan.js';
import { outRoot, workspaceRoot } from './surroundings.js';

/** One project of a run: its suite, or why it has none. */
interface Project extends ProjectFolder {
  readonly suite?: TestSuite;
  readonly broken?: SuiteVerdict;
}

/** One request: a project, its places, and what was said about it in them. */
interface Entry {
  readonly project: Project;
  readonly places: Places;
  readonly lines: string[];
}

const OPTIONS = {
  builds: { type: 'string' },
  cells: { type: 'string' },
  jobs: { type: 'string' },
  lane: { type: 'string' },
  out: { type: 'string' },
  plan: { type: 'string' },
  probes: { type: 'string' },
  results: { type: 'string' },
  shard: { type: 'string' },
  'suite-timeout': { type: 'string', default: '600' },
  'without-releases': { type: 'boolean', default: false },
} as const;

type Values = ReturnType<typeof readArguments>['values'];

function readArguments(args: string[]) {
  return parseArgs({ args, allowPositionals: true, options: OPTIONS });
}

/** Tests that go through every Go release of the matrix. */
const SWEEP = /releases\.kernel\.test\.js$/;

async function openProject({ folder, name }: ProjectFolder, values: Values): Promise<Project> {
  try {
    const suite = await testSuite(folder);
    if (!values['without-releases']) return { folder, name, suite };
    return { folder, name, suite: { ...suite, files: suite.files.filter(f => !SWEEP.test(f)) } };
  } catch (error) {
    return { folder, name, broken: brokenSuite(name, 'dist', (error as Error).message) };
  }
}

/** Reads the plan, or makes one of the flags: one entry for each project. */
async function readEntries(matrix: Matrix, values: Values, words: string[]): Promise<Entry[]> {
  const plan =
    values.plan === undefined
      ? undefined
      : (JSON.parse(readFileSync(values.plan, 'utf8')) as PlanEntry[]);
  const named = plan?.map(entry => entry.folder) ?? [...commaList(values.probes), ...words];
  const projects = new Map<string, Project>();
  const entries: Entry[] = [];
  for (const [index, found] of projectFolders(named).entries()) {
    const project = projects.get(found.folder) ?? (await openProject(found, values));
    projects.set(found.folder, project);
    const places = placesOf(matrix, plan?.[index] ?? values);
    const cells = values.shard === undefined ? places.cells : shardOf(places.cells, values.shard);
    entries.push({ project, places: { ...places, cells }, lines: [] });
  }
  return entries;
}

/** One folder per set of suites, so that two runs at once do not write into each other's. */
function outFolder(values: Values, projects: readonly Project[]): string {
  if (values.out !== undefined) return resolve(values.out);
  const name = projects.length === 1 ? (projects[0]?.name ?? 'none') : 'batch';
  return join(outRoot, name);
}

/** The sets that go wide trace every build of a Go release, unless it is said otherwise. */
function buildsOf(values: Values): 'fast' | 'full' {
  const said = values.builds ?? process.env['SONDE_BUILDS'] ?? '';
  const words = commaList(values.cells ?? process.env['SONDE_CELLS']);
  const isWide = words.includes('full') || words.includes('nightly');
  return said === 'full' || (said === '' && isWide) ? 'full' : 'fast';
}

function totals(verdicts: readonly SuiteVerdict[], projects: number, failed: string[]): string {
  const sum = (key: 'passed' | 'failed' | 'skipped' | 'compared'): number =>
    verdicts.reduce((total, verdict) => total + verdict[key], 0);
  const where = `${projects} projects on ${new Set(verdicts.map(v => v.cell)).size} kernels`;
  const counts = `${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`;
  const end = failed.length > 0 ? `; failed: ${failed.join(', ')}` : '';
  return `${where}: ${counts}, ${sum('compared')} events compared${end}`;
}

/** Whether a verdict or a text belongs to an entry; one without a place belongs to all of them. */
function concerns({ project, places }: Entry, { suite, place }: About): boolean {
  const isPlace = place !== undefined && !['dist', 'bundle', 'workloads'].includes(place);
  return (suite === undefined || suite === project.name) && (!isPlace || hasPlace(places, place));
}

/** What one guest took its time for, in milliseconds. */
function timesOf({ cell, release, bootMs, totalMs, steps }: GuestResult) {
  return {
    ...{ cell: cell.name, release, bootMs, totalMs },
    suites: steps.map(({ name, startMs = NaN, firstLineMs = NaN, endMs = NaN }) => ({
      ...{ name, loadMs: firstLineMs - startMs, testsMs: endMs - firstLineMs },
    })),
  };
}

function resultOf(entry: Entry, verdicts: readonly SuiteVerdict[]) {
  const { project, places, lines } = entry;
  const own = verdicts.filter(v => concerns(entry, { suite: v.suite, place: v.cell }));
  // Nothing was run where only the host was asked for and may be left out.
  const isNothingDue = places.cells.length === 0 && places.host !== 'must';
  const ok = (own.length > 0 || isNothingDue) && own.every(verdict => verdict.ok);
  const folder = relative(workspaceRoot, project.folder);
  return { folder, name: project.name, ok, text: lines.join('\n'), verdicts: own };
}

/**
 * Runs `sonde-vm run` and returns its exit code: 0 only when every project passed everywhere. With
 * `--results FILE` it writes `{entries: [{folder, name, ok, text, verdicts}], guests}` there:
 * entries in the order of the plan or of the projects, folders from the workspace's root; `guests`
 * is what each took its time for.
 */
export async function runCommand(args: string[], signal: AbortSignal): Promise<number> {
  const { values, positionals } = readArguments(args);
  const matrix = readMatrix();
  const entries = await readEntries(matrix, values, positionals);
  const projects = [...new Set(entries.map(entry => entry.project))];
  const status = new StatusBoard(process.stderr);
  const progress = (line: string): void => status.say(line);
  const print = (text: string, about: About): void => {
    status.say(text, process.stdout);
    for (const entry of entries) if (concerns(entry, about)) entry.lines.push(text);
  };
  const guests: ReturnType<typeof timesOf>[] = [];
  const verdicts: SuiteVerdict[] = projects.flatMap(p => p.broken ?? []);
  for (const verdict of verdicts) print(verdictLine(verdict), { suite: verdict.suite });
  const suites = projects.flatMap(p => p.suite ?? []);
  const jobs = Number(values.jobs ?? process.env['SONDE_VM_JOBS'] ?? 0);
  if (suites.length > 0) {
    const request = {
      ...{ matrix, suites, progress, status, signal, print },
      ...joinPlaces(
        matrix,
        entries.map(entry => entry.places),
      ),
      wants: (suite: string, place: string) =>
        entries.some(entry => entry.project.name === suite && hasPlace(entry.places, place)),
      // Tasks of a plan are judged alone, whoever runs beside them; `agree` compares them later.
      compare: values.plan === undefined,
      onGuest: (result: GuestResult) => guests.push(timesOf(result)),
      builds: buildsOf(values),
      outDir: outFolder(values, projects),
      suiteTimeoutSeconds: Number(values['suite-timeout']),
      ...(jobs > 0 ? { jobs } : {}),
    };
    verdicts.push(...(await runKernelTests(request).finally(() => status.close())));
  }
  const results = entries.map(entry => resultOf(entry, verdicts));
  if (values.results) {
    await writeFile(values.results, JSON.stringify({ entries: results, guests }));
  }
  const failed = [...new Set(results.filter(r => !r.ok).map(r => r.name))];
  process.stdout.write(`${totals(verdicts, projects.length, failed)}\n`);
  return failed.length > 0 || results.length === 0 ? 1 : 0;
}
