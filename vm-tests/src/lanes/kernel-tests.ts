/**
 * Runs kernel tests of any number of packages in every lane: each cell boots once for all of them.
 *
 * The fact readers get wrong: a package's verdict is the sum over its cells. One cell that died
 * before its turn fails it, even when every other cell passed.
 */
import { mkdir } from 'node:fs/promises';
import { release as hostRelease } from 'node:os';
import { join } from 'node:path';
import type { Progress } from '@sonde/toolchain';
import { errorLines } from '../command-line.js';
import type { GuestResult } from '../guest/boot.js';
import { runFleet } from '../guest/fleet.js';
import type { Step } from '../guest/payload.js';
import { hostArchitecture, type Cell, type Matrix } from '../matrix.js';
import { HOST } from '../plan.js';
import type { StatusBoard } from '../status.js';
import { withScratch } from '../scratch.js';
import { buildOwnWorkloads, ownWorkloadFiles } from '../own-workloads.js';
import { buildEveryWorkload, tracedByAll } from '../releases.js';
import { compareKernels } from './agreement.js';
import { bundleSuite, type TestSuite } from './bundle.js';
import { askHost, runOnHost } from './host.js';
import { PROGRAM, objectFiles, programFiles, workloadFiles } from './objects.js';
import { forgetResults, keepResults } from './results.js';
import {
  brokenSuite,
  failureExcerpt,
  judgeSuite,
  verdictLine,
  type SuiteVerdict,
} from './verdict.js';

/** What to run and where. */
export interface KernelTestRequest {
  readonly matrix: Matrix;
  readonly suites: readonly TestSuite[];
  /** Guests to boot; none leaves the host lane alone. */
  readonly cells: readonly Cell[];
  /** Whether a suite, by its name, runs in a cell or on the host. */
  readonly wants: (suite: string, place: string) => boolean;
  /** Hold what kernels of one architecture found against each other. */
  readonly compare: boolean;
  /** `auto` takes the host where it works; `must` fails where it does not. */
  readonly host: 'auto' | 'must' | 'never';
  /** Which builds of each Go release are traced: `full` has all of them. */
  readonly builds: 'fast' | 'full';
  readonly outDir: string;
  readonly jobs?: number;
  readonly suiteTimeoutSeconds: number;
  readonly progress: Progress;
  /** Shows what each guest does. */
  readonly status: StatusBoard;
  readonly signal?: AbortSignal;
  /** Receives what each guest took its time for. */
  readonly onGuest?: (result: GuestResult) => void;
  /** Receives what a person should see, as it happens. */
  readonly print: (text: string, about: About) => void;
}

/** What a text concerns: one suite or all, in one place or in all. */
export interface About {
  readonly suite?: string;
  readonly place?: string;
}

/** Environment of a test or job in a guest; SONDE_CELL comes from the guest's own command line. */
export const GUEST_ENVIRONMENT: Readonly<Record<string, string>> = {
  SONDE_LANE: 'guest',
  SONDE_OBJECT_DIR: '/payload/bpf',
  SONDE_WORKLOADS: '/payload/workloads',
  SONDE_CLI: `/payload/sonde/${PROGRAM}`,
  SONDE_OUT: '/out',
  NO_COLOR: '1',
};

/** A suite together with its bundle. */
interface Ready {
  readonly suite: TestSuite;
  readonly bundle: string;
}

/**
 * Runs everything and returns one verdict per suite and place; never rejects because a test fails.
 */
export function runKernelTests(request: KernelTestRequest): Promise<SuiteVerdict[]> {
  return withScratch(async scratch => {
    const { suites } = request;
    await mkdir(request.outDir, { recursive: true });
    const verdicts: SuiteVerdict[] = [];
    const ready: Ready[] = [];
    request.progress(`bundling the kernel tests of ${suites.map(s => s.name).join(', ')}`);
    const places = [HOST, ...request.cells.map(cell => cell.name)];
    for (const { name, folder } of suites) {
      const own = places.filter(place => request.wants(name, place));
      await forgetResults(folder, own);
    }
    for (const suite of suites) {
      const prepared = await prepareSuite(request, suite, scratch);
      if ('bundle' in prepared) ready.push(prepared);
      else {
        verdicts.push(prepared);
        request.print(verdictLine(prepared), { suite: suite.name });
      }
    }
    if (ready.length === 0) return verdicts;
    verdicts.push(...(await onHost(request, ready)));
    if (request.cells.length > 0) verdicts.push(...(await inGuests(request, ready)));
    if (!request.compare) return verdicts;
    const compared = compareKernels(verdicts);
    for (const [index, verdict] of compared.entries()) {
      if (verdict === verdicts[index]) continue;
      request.print(verdictLine(verdict), { suite: verdict.suite });
    }
    return compared;
  });
}

/** Bundles a suite and builds the programs that its package brings, or says why it cannot run. */
async function prepareSuite(
  request: KernelTestRequest,
  suite: TestSuite,
  scratch: string,
): Promise<Ready | SuiteVerdict> {
  let step = 'bundle';
  try {
    const bundle = await bundleSuite(suite, scratch);
    step = 'workloads';
    const cells = request.cells.filter(cell => request.wants(suite.name, cell.name));
    const onHost = request.host !== 'never' && request.wants(suite.name, HOST);
    const architectures = new Set([
      ...(onHost ? [hostArchitecture(request.matrix)] : []),
      ...cells.map(cell => cell.architecture),
    ]);
    for (const each of architectures) {
      await buildOwnWorkloads(suite.folder, each, request.progress);
    }
    return { suite, bundle };
  } catch (error) {
    return brokenSuite(suite.name, step, errorLines(error as Error).join('\n       '));
  }
}

/** Keeps a suite's output and shows its verdict, with the end of the output when it failed. */
async function conclude(
  request: KernelTestRequest,
  suite: TestSuite,
  verdict: SuiteVerdict,
  lines: readonly string[],
  kernel: string,
): Promise<SuiteVerdict> {
  const path = await keepResults(suite, verdict, lines, { kernel, outDir: request.outDir });
  const shown = [verdictLine(verdict)];
  if (!verdict.ok) {
    const tail = failureExcerpt(lines).map(line => `       | ${line}`);
    shown.push(...tail, `       whole output: ${path}`);
  }
  request.print(shown.join('\n'), { suite: suite.name, place: verdict.cell });
  return verdict;
}

async function onHost(
  request: KernelTestRequest,
  everything: readonly Ready[],
): Promise<SuiteVerdict[]> {
  const ready = everything.filter(each => request.wants(each.suite.name, HOST));
  if (request.host === 'never' || ready.length === 0) return [];
  const answer = await askHost();
  const line = `host lane: ${answer.works ? 'works' : 'does not work here'}, ${answer.why}`;
  request.print(line, { place: HOST });
  if (!answer.works) {
    return request.host === 'must' ? ready.map(r => brokenSuite(r.suite.name, HOST, line)) : [];
  }
  const folder = join(request.outDir, HOST);
  await mkdir(folder, { recursive: true });
  const architecture = hostArchitecture(request.matrix);
  const traced = tracedByAll(ready.map(({ suite }) => suite.traced));
  await buildEveryWorkload(request.matrix, architecture, request.builds, request.progress, traced);
  const verdicts: SuiteVerdict[] = [];
  await runOnHost({
    architecture,
    programs: ready.map(({ suite, bundle }) => ({
      name: suite.name,
      bundle,
      folder: suite.folder,
    })),
    outDir: folder,
    timeoutMs: request.suiteTimeoutSeconds * 1000,
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    onEnd: async (index, lines, code) => {
      const { suite } = ready[index] as Ready;
      const verdict = judgeSuite(suite.name, HOST, lines, code);
      verdicts.push(await conclude(request, suite, verdict, lines, hostRelease()));
    },
  });
  return verdicts;
}

/** Where the programs that a suite's package brings lie on the payload disk. */
function ownFolder(suite: string): string {
  return `own-workloads/${suite}`;
}

/** One suite as a program of a guest. */
function stepOf(request: KernelTestRequest, { suite }: Ready): Step {
  return {
    name: suite.name,
    // A young generation that need not grow first: a tenth of the time under emulation.
    command: ['node', '--min-semi-space-size=16', `/payload/tests/${suite.name}.mjs`],
    // tap's own limit is 30 s, which an emulated processor on a busy machine exceeds.
    env: {
      ...GUEST_ENVIRONMENT,
      SONDE_OWN_WORKLOADS: `/payload/${ownFolder(suite.name)}`,
      TAP_TIMEOUT: String(request.suiteTimeoutSeconds - 10),
    },
    timeoutSeconds: request.suiteTimeoutSeconds,
  };
}

/** Turns what guests print into their status: the suite that runs, and its tests so far. */
function followLines(status: StatusBoard): (cell: Cell, line: string) => void {
  const counts = new Map<string, { passed: number; failed: number }>();
  return ({ name }, line) => {
    const suite = /^##STEP start (\S+)$/.exec(line)?.[1];
    if (suite !== undefined) {
      counts.set(name, { passed: 0, failed: 0 });
      status.phase(name, `running ${suite}`);
    }
    const count = counts.get(name);
    const end = /^(not )?ok /.exec(line);
    if (count === undefined || end === null) return;
    if (end[1] === undefined) count.passed++;
    else count.failed++;
    status.detail(name, `${count.passed} passed${count.failed ? `, ${count.failed} failed` : ''}`);
  };
}

async function inGuests(
  request: KernelTestRequest,
  ready: readonly Ready[],
): Promise<SuiteVerdict[]> {
  const program = await programFiles('sonde');
  const traced = tracedByAll(ready.map(({ suite }) => suite.traced));
  const wanted = (cell: Cell): Ready[] =>
    ready.filter(each => request.wants(each.suite.name, cell.name));
  const pending: Promise<SuiteVerdict[]>[] = [];
  await runFleet({
    matrix: request.matrix,
    cells: request.cells,
    files: async arch => {
      await buildEveryWorkload(request.matrix, arch, request.builds, request.progress, traced);
      const own = ready.map(({ suite: { folder, name } }) =>
        ownWorkloadFiles(folder, arch, ownFolder(name)),
      );
      return [
        ...(await Promise.all(own)).flat(),
        ...ready.map(({ suite, bundle }) => ({ from: bundle, to: `tests/${suite.name}.mjs` })),
        ...(await objectFiles(
          arch,
          'bpf',
          ready.map(r => r.suite.folder),
        )),
        ...(await workloadFiles(arch, 'workloads')),
        ...program,
      ];
    },
    steps: cell => wanted(cell).map(each => stepOf(request, each)),
    outDir: request.outDir,
    ...(request.jobs === undefined ? {} : { jobs: request.jobs }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    silenceTimeoutMs: (request.suiteTimeoutSeconds + 20) * 1000,
    progress: request.progress,
    onBoot: cell => request.status.phase(cell.name, 'booting'),
    onLine: followLines(request.status),
    onDone: result => {
      request.status.end(result.cell.name);
      request.onGuest?.(result);
      pending.push(judgeGuest(request, wanted(result.cell), result));
    },
  });
  return (await Promise.all(pending)).flat();
}

async function judgeGuest(
  request: KernelTestRequest,
  ready: readonly Ready[],
  result: GuestResult,
): Promise<SuiteVerdict[]> {
  const { cell } = result;
  const verdicts: SuiteVerdict[] = [];
  for (const [index, step] of result.steps.entries()) {
    const { suite } = ready[index] as Ready;
    const verdict = judgeSuite(suite.name, cell.name, step.lines, step.exitCode);
    verdicts.push(await conclude(request, suite, verdict, step.lines, result.release ?? ''));
  }
  const sum = (key: 'compared' | 'passed' | 'failed'): number =>
    verdicts.reduce((total, verdict) => total + verdict[key], 0);
  const summary =
    `cell ${cell.name} (${result.release ?? 'never started'}): ${sum('passed')} tests passed, ` +
    `${sum('failed')} failed, ${sum('compared')} events compared, ` +
    `${(result.totalMs / 1000).toFixed(1)} s`;
  const said = [summary, ...(result.failure ? [result.failure] : [])];
  request.print(said.join('\n'), { place: cell.name });
  return verdicts;
}
