/**
 * The host lane: the same bundles as in a guest, run on this machine's own kernel.
 *
 * Whether it works is asked of `sonde doctor`, which tries; no version or distribution is looked
 * at. The fact readers get wrong: on a machine where it does not work the lane is left out and
 * named as such, which is no failure, because the guests cover every test.
 */
import { spawn } from 'node:child_process';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { packageRoot, type Architecture } from '../matrix.js';
import { sondeProgram } from '../surroundings.js';
import { ownWorkloadFolder } from '../own-workloads.js';
import { objectFiles, workloadFolder } from './objects.js';

/** Whether programs can be loaded and attached here, and the reason in a few words. */
export interface HostAnswer {
  readonly works: boolean;
  readonly why: string;
}

/** Asks `sonde doctor --json`; a doctor that cannot answer means no. */
export async function askHost(): Promise<HostAnswer> {
  const main = sondeProgram();
  if (main === undefined) return { works: false, why: '@sonde/cli is not installed' };
  if (!existsSync(main)) return { works: false, why: 'the command line is not built' };
  const answer = await execa(process.execPath, [main, 'doctor', '--json'], {
    reject: false,
    timeout: 30_000,
    stdin: 'ignore',
  });
  try {
    const { host } = JSON.parse(answer.stdout) as { host: HostAnswer };
    return { works: host.works, why: host.why };
  } catch {
    const said = (answer.stderr || answer.shortMessage || 'no output').trim().split('\n')[0];
    return { works: false, why: `sonde doctor did not answer: ${said ?? ''}` };
  }
}

/** What the host lane runs and where it may write. */
export interface HostRequest {
  readonly architecture: Architecture;
  readonly programs: readonly {
    readonly name: string;
    readonly bundle: string;
    /** The package whose tests these are; its objects are used too. */
    readonly folder: string;
  }[];
  readonly outDir: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /**
   * Called after each program with its place in the list, its lines, and its exit code if it had
   * one.
   */
  readonly onEnd: (index: number, lines: string[], code: number | undefined) => Promise<void>;
}

/** Runs every program here, one after the other, under the environment that guests have too. */
export async function runOnHost(request: HostRequest): Promise<void> {
  const objects = join(request.outDir, 'bpf');
  await rm(objects, { recursive: true, force: true });
  await mkdir(objects, { recursive: true });
  for (const file of await objectFiles(
    request.architecture,
    objects,
    request.programs.map(program => program.folder),
  )) {
    await copyFile(file.from, file.to);
  }
  const env = {
    ...process.env,
    NO_COLOR: '1',
    SONDE_CELL: 'host',
    SONDE_OBJECT_DIR: objects,
    SONDE_WORKLOADS: workloadFolder(request.architecture),
    SONDE_CLI: sondeProgram() ?? '',
    SONDE_OUT: request.outDir,
  };
  // Inside this package, so that koffi is found in the node_modules around it.
  const bundles = join(packageRoot, 'dist/bundles');
  await mkdir(bundles, { recursive: true });
  for (const [index, { name, bundle, folder }] of request.programs.entries()) {
    const program = join(bundles, `${name}.mjs`);
    await copyFile(bundle, program);
    const own = { SONDE_OWN_WORKLOADS: ownWorkloadFolder(folder, request.architecture) };
    const { lines, code } = await runNode(program, { ...env, ...own }, request);
    await request.onEnd(index, lines, code);
  }
}

function runNode(
  bundle: string,
  env: NodeJS.ProcessEnv,
  request: HostRequest,
): Promise<{ lines: string[]; code: number | undefined }> {
  const args = ['--pdeathsig', 'KILL', '--', process.execPath, bundle];
  const child = spawn('setpriv', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', line => lines.push(line));
  }
  return new Promise(resolve => {
    const kill = (): void => void child.kill('SIGKILL');
    const timer = setTimeout(kill, request.timeoutMs);
    request.signal?.addEventListener('abort', kill, { once: true });
    child.on('error', error => lines.push(`start node: ${error.message}`));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', kill);
      resolve({ lines, code: signal === null ? (code ?? undefined) : undefined });
    });
  });
}
