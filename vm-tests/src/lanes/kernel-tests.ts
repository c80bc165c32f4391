/**
 * Runs kernel tests of any number of packages in every lane: each cell boots once for all of them.
 *
 * The fact readers get wrong: a package's verdict is the sum over its cells. One cell that died
 * before its turn fails it, even when every other cell passed.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { release as hostRelease } from 'node:os';
import { dirname, join } from 'node:path';
import type { Progress } from '@sonde/toolchain';
import type { GuestResult } from '../guest/boot.js';
import { runFleet } from '../guest/fleet.js';
import type { Step } from '../guest/payload.js';
import { allCells, hostArchitecture, type Cell, type Matrix } from '../matrix.js';
import { withScratch } from '../scratch.js';
import { buildEveryWorkload } from '../releases.js';
import { compareKernels } from './agreement.js';
import { forgetCells, keepCell } from '../report/keep-cell.js';
import { bundleSuite, type TestSuite } from './bundle.js';
import { askHost, runOnHost } from './host.js';
import { objectFiles, programFiles, workloadFiles } from './objects.js';
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
  /** `auto` takes the host where it works; `must` fails where it does not. */
  readonly host: 'auto' | 'must' | 'never';
  /** Which builds of each Go release are traced: `full` has all of them. */
  readonly builds: 'fast' | 'full';
  readonly outDir: string;
  readonly jobs?: number;
  readonly suiteTimeoutSeconds: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  /**
   * Receives what a person should see, as it happens; `suite` is undefined for what concerns all.
   */
  readonly print: (text: string, suite: string | undefined) => void;
}

/** Environment of a test or job in a guest; SONDE_CELL comes from the guest's own command line. */
export const GUEST_ENVIRONMENT: Readonly<Record<string, string>> = {
  SONDE_LANE: 'guest',
  SONDE_OBJECT_DIR: '/payload/bpf',
  SONDE_WORKLOADS: '/payload/workloads',
  SONDE_CLI: '/payload/sonde/packages/cli/dist/main.js',
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
    for (const suite of suites) {
      await forgetTap(request.matrix, suite);
      try {
        ready.push({ suite, bundle: await bundleSuite(suite, scratch) });
      } catch (error) {
        const verdict = brokenSuite(suite.name, 'bundle', (error as Error).message);
        verdicts.push(verdict);
        request.print(verdictLine(verdict), suite.name);
      }
    }
    if (ready.length === 0) return verdicts;
    verdicts.push(...(await onHost(request, ready)));
    if (request.cells.length > 0) verdicts.push(...(await inGuests(request, ready)));
    const compared = compareKernels(verdicts);
    for (const [index, verdict] of compared.entries()) {
      if (verdict !== verdicts[index]) request.print(verdictLine(verdict), verdict.suite);
    }
    return compared;
  });
}

/** Where a suite's TAP output of one place lies; `npm test` counts what it finds there. */
function tapPath(suite: TestSuite, cell: string): string {
  return join(suite.folder, 'out/tap', `${cell}.tap`);
}

async function forgetTap(matrix: Matrix, suite: TestSuite): Promise<void> {
  const cells = ['host', ...allCells(matrix).map(c => c.name)];
  for (const cell of cells) await rm(tapPath(suite, cell), { force: true });
  await forgetCells(suite.folder, cells);
}

/** Keeps a suite's output and shows its verdict, with the end of the output when it failed. */
async function conclude(
  request: KernelTestRequest,
  suite: TestSuite,
  verdict: SuiteVerdict,
  lines: readonly string[],
  kernel: string,
): Promise<SuiteVerdict> {
  const path = tapPath(suite, verdict.cell);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${lines.join('\n')}\n`);
  await keepCell(suite, verdict, lines, { kernel, outDir: request.outDir });
  const shown = [verdictLine(verdict)];
  if (!verdict.ok) {
    const tail = failureExcerpt(lines).map(line => `       | ${line}`);
    shown.push(...tail, `       whole output: ${path}`);
  }
  request.print(shown.join('\n'), suite.name);
  return verdict;
}

async function onHost(
  request: KernelTestRequest,
  ready: readonly Ready[],
): Promise<SuiteVerdict[]> {
  if (request.host === 'never') return [];
  const answer = await askHost();
  const line = `host lane: ${answer.works ? 'works' : 'does not work here'}, ${answer.why}`;
  request.print(line, undefined);
  if (!answer.works) {
    return request.host === 'must' ? ready.map(r => brokenSuite(r.suite.name, 'host', line)) : [];
  }
  const folder = join(request.outDir, 'host');
  await mkdir(folder, { recursive: true });
  const architecture = hostArchitecture(request.matrix);
  await buildEveryWorkload(request.matrix, architecture, request.builds, request.progress);
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
      const verdict = judgeSuite(suite.name, 'host', lines, code);
      verdicts.push(await conclude(request, suite, verdict, lines, hostRelease()));
    },
  });
  return verdicts;
}

async function inGuests(
  request: KernelTestRequest,
  ready: readonly Ready[],
): Promise<SuiteVerdict[]> {
  const program = await programFiles('sonde');
  const steps: Step[] = ready.map(({ suite }) => ({
    name: suite.name,
    command: ['node', `/payload/tests/${suite.name}.mjs`],
    // tap's own limit is 30 s, which an emulated processor on a busy machine exceeds.
    env: { ...GUEST_ENVIRONMENT, TAP_TIMEOUT: String(request.suiteTimeoutSeconds - 10) },
    timeoutSeconds: request.suiteTimeoutSeconds,
  }));
  const pending: Promise<SuiteVerdict[]>[] = [];
  await runFleet({
    matrix: request.matrix,
    cells: request.cells,
    files: async arch => {
      await buildEveryWorkload(request.matrix, arch, request.builds, request.progress);
      return [
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
    steps: () => steps,
    outDir: request.outDir,
    ...(request.jobs === undefined ? {} : { jobs: request.jobs }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    silenceTimeoutMs: (request.suiteTimeoutSeconds + 20) * 1000,
    progress: request.progress,
    onLine: (cell, line) => {
      const name = /^##STEP start (\S+)$/.exec(line)?.[1];
      if (name !== undefined) request.progress(`${cell.name}: running ${name}`);
    },
    onDone: result => pending.push(judgeGuest(request, ready, result)),
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
  request.print([summary, ...(result.failure ? [result.failure] : [])].join('\n'), undefined);
  return verdicts;
}
