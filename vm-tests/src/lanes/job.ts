/**
 * Runs the `sonde` program once in one guest, and brings out what it printed and wrote.
 *
 * This is how `npm start` traces where the machine's own kernel does not allow it. The facts
 * readers get wrong: standard output of the program is passed on as it comes, while its standard
 * error is a file of the results, shown only when it failed; and a path after --json is a path
 * outside.
 */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Progress } from '@sonde/toolchain';
import { runFleet } from '../guest/fleet.js';
import { shellQuote, type PayloadFile } from '../guest/payload.js';
import type { Cell, Matrix } from '../matrix.js';
import { GUEST_ENVIRONMENT } from './kernel-tests.js';
import { objectFiles, programFiles, workloadFiles } from './objects.js';

/** What to run and where. */
export interface JobRequest {
  readonly matrix: Matrix;
  readonly cell: Cell;
  /** Arguments of `sonde`. Without a target of their own, the workload `leaky` is started first. */
  readonly args: readonly string[];
  /** Start `leaky` in the guest and add `--pid` with its number. */
  readonly withLeaky: boolean;
  readonly timeoutSeconds: number;
  readonly columns: number;
  readonly outDir: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  readonly print: (line: string) => void;
}

/** What became of it. */
export interface JobResult {
  /** The program's exit code; 125 when the guest died. */
  readonly exitCode: number;
  /** Its standard error, and the guest's console when it died. */
  readonly errors: string;
  readonly release: string | undefined;
  readonly outDir: string;
}

const REPORT = 'report.json';

/** Replaces the path after --json by one in the guest; returns the outside path. */
export function redirectJson(args: readonly string[]): { args: string[]; path?: string } {
  const out = [...args];
  const end = out.indexOf('--');
  const index = out.findIndex((a, i) => (end < 0 || i < end) && /^--json(=|$)/.test(a));
  if (index < 0) return { args: out };
  const inline = /^--json=(.*)$/.exec(out[index] ?? '')?.[1];
  const path = inline ?? out[index + 1];
  if (path === undefined || path === '-') return { args: out };
  out.splice(index, inline === undefined ? 2 : 1, '--json', `/out/${REPORT}`);
  return { args: out, path };
}

function jobScript(request: JobRequest, args: readonly string[]): string {
  const sonde = ['node', GUEST_ENVIRONMENT['SONDE_CLI'] ?? '', ...args].map(shellQuote).join(' ');
  if (!request.withLeaky) return `exec ${sonde} 2> /out/stderr.log\n`;
  return [
    // Held open, because the service ends with its input.
    'busybox mkfifo /run/held',
    'busybox sleep 100000 > /run/held &',
    'holder=$!',
    '/payload/workloads/leaky < /run/held > /out/leaky.log 2>&1 &',
    'leaky=$!',
    'tries=0',
    'while ! [ -s /out/leaky.log ] && [ $tries -lt 300 ]; do',
    '  tries=$((tries + 1)); busybox sleep 0.1',
    'done',
    `${sonde} --pid $leaky 2> /out/stderr.log`,
    'code=$?',
    'kill $leaky $holder 2> /dev/null',
    'exit $code',
    '',
  ].join('\n');
}

/** Boots the guest, runs the job, and returns its exit code. Rejects when it cannot be prepared. */
export async function runJob(request: JobRequest): Promise<JobResult> {
  const { args, path } = redirectJson(request.args);
  const script = join(request.outDir, 'job.sh');
  await mkdir(request.outDir, { recursive: true });
  await writeFile(script, jobScript(request, args));
  const program = await programFiles('sonde');
  if (program.length === 0) throw new Error('run job: @sonde/cli is not installed, or not built');
  const [result] = await runFleet({
    matrix: request.matrix,
    cells: [request.cell],
    files: async (arch): Promise<PayloadFile[]> => [
      { from: script, to: 'job.sh' },
      ...(await objectFiles(arch, 'bpf')),
      ...(await workloadFiles(arch, 'workloads')),
      ...program,
    ],
    steps: () => [
      {
        name: 'job',
        command: ['sh', '/payload/job.sh'],
        env: { ...GUEST_ENVIRONMENT, COLUMNS: String(request.columns) },
        timeoutSeconds: request.timeoutSeconds,
      },
    ],
    outDir: request.outDir,
    silenceTimeoutMs: (request.timeoutSeconds + 10) * 1000,
    progress: request.progress,
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    onLine: (_cell, line, step) => {
      if (step) request.print(line);
    },
  });
  if (!result) throw new Error(`run job in ${request.cell.name}: no result`);
  const errors = await readFile(join(result.outDir, 'stderr.log'), 'utf8').catch(() => '');
  if (path !== undefined && !result.failure) {
    await copyFile(join(result.outDir, REPORT), path).catch(() => undefined);
  }
  return {
    exitCode: result.failure ? result.exitCode : (result.steps[0]?.exitCode ?? result.exitCode),
    errors: [errors.trimEnd(), result.failure ?? ''].filter(Boolean).join('\n'),
    release: result.release,
    outDir: result.outDir,
  };
}
