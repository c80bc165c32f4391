/**
 * Runs kernel tests of any number of packages in every lane: each cell boots once for all of them.
 *
 * The fact readers get wrong: a package's verdict is the sum over its cells. One cell that died before
 * its turn fails it, even when every other cell passed.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Progress } from '@sonde/toolchain';
import type { GuestResult } from '../guest/boot.js';
import { runFleet } from '../guest/fleet.js';
import type { Step } from '../guest/payload.js';
import { hostArchitecture, type Cell, type Matrix } from '../matrix.js';
import { bundleSuites, type TestSuite } from './bundle.js';
import { askHost, runOnHost } from './host.js';
import { objectFiles, programFiles, workloadFiles } from './objects.js';
import { judgeSuite, verdictLine, type SuiteVerdict } from './verdict.js';

/** What to run and where. */
export interface KernelTestRequest {
  readonly matrix: Matrix;
  readonly suites: readonly TestSuite[];
  /** Guests to boot; none leaves the host lane alone. */
  readonly cells: readonly Cell[];
  /** `auto` takes the host where it works; `must` fails where it does not. */
  readonly host: 'auto' | 'must' | 'never';
  readonly outDir: string;
  readonly jobs?: number;
  readonly suiteTimeoutSeconds: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  /** Receives what a person should see, as it happens; `suite` is undefined for what concerns all. */
  readonly print: (text: string, suite: string | undefined) => void;
}

/** Lines of a failed suite's output that are shown; all of it is in its .tap file. */
const SHOWN_LINES = 60;

/** Environment of a test or job in a guest; SONDE_CELL comes from the guest's own command line. */
export const GUEST_ENVIRONMENT: Readonly<Record<string, string>> = {
  SONDE_LANE: 'guest',
  SONDE_OBJECT_DIR: '/work/bpf',
  SONDE_WORKLOADS: '/work/workloads',
  SONDE_CLI: '/work/sonde/packages/cli/dist/main.js',
  SONDE_OUT: '/out',
  NO_COLOR: '1',
};

/** Runs everything and returns one verdict per suite and place; never rejects because a test fails. */
export async function runKernelTests(request: KernelTestRequest): Promise<SuiteVerdict[]> {
  const { suites, outDir } = request;
  await mkdir(outDir, { recursive: true });
  const scratch = await mkdtemp(join(tmpdir(), 'sonde-tests-'));
  const verdicts: SuiteVerdict[] = [];
  try {
    request.progress(`bundling the kernel tests of ${suites.map(s => s.name).join(', ')}`);
    const bundles = await bundleSuites(suites, scratch);
    await onHost(request, bundles, verdicts);
    if (request.cells.length > 0) verdicts.push(...(await inGuests(request, bundles)));
    return verdicts;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function onHost(
  request: KernelTestRequest,
  bundles: readonly string[],
  verdicts: SuiteVerdict[],
): Promise<void> {
  if (request.host === 'never') return;
  const answer = await askHost();
  if (!answer.works) {
    const line = `host lane: does not work here, ${answer.why}`;
    request.print(line, undefined);
    if (request.host === 'must') {
      verdicts.push(...request.suites.map(s => judgeSuite(s.name, 'host', [line], undefined)));
    }
    return;
  }
  request.print(`host lane: works, ${answer.why}`, undefined);
  const folder = join(request.outDir, 'host');
  await mkdir(folder, { recursive: true });
  await runOnHost({
    architecture: hostArchitecture(request.matrix),
    suites: request.suites,
    bundles,
    outDir: folder,
    timeoutMs: request.suiteTimeoutSeconds * 1000,
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    onVerdict: async (verdict, lines) => {
      verdicts.push(verdict);
      showVerdict(request, verdict, lines, join(folder, `${verdict.suite}.tap`));
    },
  });
}

async function inGuests(
  request: KernelTestRequest,
  bundles: readonly string[],
): Promise<SuiteVerdict[]> {
  const { suites, cells } = request;
  const program = await programFiles('sonde');
  const steps: Step[] = suites.map(suite => ({
    name: suite.name,
    command: ['node', `/work/tests/${suite.name}.mjs`],
    env: GUEST_ENVIRONMENT,
    timeoutSeconds: request.suiteTimeoutSeconds,
  }));
  const verdicts: SuiteVerdict[] = [];
  const done = async (result: GuestResult): Promise<void> => {
    verdicts.push(...(await judgeGuest(request, result)));
  };
  const pending: Promise<void>[] = [];
  await runFleet({
    matrix: request.matrix,
    cells,
    files: async arch => [
      ...bundles.map((from, i) => ({ from, to: `tests/${suites[i]?.name ?? ''}.mjs` })),
      ...(await objectFiles(arch, 'bpf')),
      ...(await workloadFiles(arch, 'workloads')),
      ...program,
    ],
    steps: () => steps,
    outDir: request.outDir,
    ...(request.jobs === undefined ? {} : { jobs: request.jobs }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    silenceTimeoutMs: (request.suiteTimeoutSeconds + 20) * 1000,
    progress: request.progress,
    onDone: result => pending.push(done(result)),
  });
  await Promise.all(pending);
  return verdicts;
}

async function judgeGuest(
  request: KernelTestRequest,
  result: GuestResult,
): Promise<SuiteVerdict[]> {
  const { cell } = result;
  const verdicts: SuiteVerdict[] = [];
  for (const step of result.steps) {
    const verdict = judgeSuite(step.name, cell.name, step.lines, step.exitCode);
    const path = join(result.outDir, `${step.name}.tap`);
    await writeFile(path, `${step.lines.join('\n')}\n`);
    showVerdict(request, verdict, step.lines, path);
    verdicts.push(verdict);
  }
  const compared = verdicts.reduce((sum, v) => sum + v.compared, 0);
  const passed = verdicts.reduce((sum, v) => sum + v.passed, 0);
  const failed = verdicts.reduce((sum, v) => sum + v.failed, 0);
  const seconds = (result.totalMs / 1000).toFixed(1);
  const summary = `cell ${cell.name} (${result.release ?? 'never started'}): ${passed} tests passed, ${failed} failed, ${compared} events compared, ${seconds} s`;
  request.print([summary, ...(result.failure ? [result.failure] : [])].join('\n'), undefined);
  return verdicts;
}

function showVerdict(
  request: KernelTestRequest,
  verdict: SuiteVerdict,
  lines: readonly string[],
  path: string,
): void {
  const shown = [verdictLine(verdict)];
  if (!verdict.ok) {
    shown.push(
      ...lines.slice(-SHOWN_LINES).map(l => `       | ${l}`),
      `       whole output: ${path}`,
    );
  }
  request.print(shown.join('\n'), verdict.suite);
}
