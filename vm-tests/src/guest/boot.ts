/**
 * Boots one guest, follows its serial port, and ends it.
 *
 * QEMU runs under setpriv with a parent-death signal, so nothing stays behind when this process is
 * killed, even with SIGKILL. The fact readers get wrong: a guest is judged by its last word, not by
 * QEMU's exit code; without that word, the tail of its console is the explanation.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { run } from '@sonde/toolchain';
import type { Cell } from '../matrix.js';
import type { Accelerator } from './accelerator.js';
import { GuestTranscript, type StepResult } from './protocol.js';
import { qemuArguments, type GuestFiles } from './qemu.js';

/** Room for what a guest brings out; sparse, so unused room costs nothing. */
const RESULTS_BYTES = 256 * 2 ** 20;
/** Lines of the console that explain a dead guest. */
const TAIL_LINES = 25;

/** What to boot and how long to wait for it. */
export interface BootRequest {
  readonly cell: Cell;
  readonly files: Omit<GuestFiles, 'results' | 'console'>;
  readonly stepNames: readonly string[];
  /** Folder for console.log and the results; created, and kept after the run. */
  readonly outDir: string;
  readonly memoryMib?: number;
  readonly accelerator?: Accelerator;
  /** From start to `##CELL start`. */
  readonly bootTimeoutMs: number;
  /** The longest time without a line, once the guest is up. */
  readonly silenceTimeoutMs: number;
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string, step: StepResult | undefined) => void;
}

/** What became of a guest. */
export interface GuestResult {
  readonly cell: Cell;
  readonly release: string | undefined;
  readonly steps: readonly StepResult[];
  /** 0 when every step exited with 0; 125 when the guest never said its last word. */
  readonly exitCode: number;
  /** Why there is no last word, with the console's tail; undefined when there is one. */
  readonly failure: string | undefined;
  readonly bootMs: number | undefined;
  readonly totalMs: number;
  readonly outDir: string;
}

/** Exit code of a guest that died, hung or was stopped. */
export const GUEST_DIED = 125;

async function unpackResults(image: string, outDir: string): Promise<void> {
  await run('tar', ['xf', image, '-C', outDir, '--no-same-owner', '--warning=no-timestamp'], {
    what: 'read the results disk',
  });
}

async function consoleTail(path: string): Promise<string> {
  const text = await readFile(path, 'latin1').catch(() => '');
  const lines = text.replaceAll('\r', '').split('\n').filter(Boolean);
  return (
    lines
      .slice(-TAIL_LINES)
      .map(l => `    ${l}`)
      .join('\n') || '    (the console is empty)'
  );
}

/** Boots the guest and waits until it is gone. Never rejects because of what the guest does. */
export async function bootGuest(request: BootRequest): Promise<GuestResult> {
  const { cell, outDir } = request;
  await mkdir(outDir, { recursive: true });
  const files = {
    ...request.files,
    results: join(outDir, 'results.img'),
    console: join(outDir, 'console.log'),
  };
  await writeFile(files.results, '');
  await truncate(files.results, RESULTS_BYTES);
  await writeFile(files.console, '');
  const transcript = new GuestTranscript(request.stepNames);
  const startedAt = Date.now();
  const { reason, bootMs } = await follow(request, files, transcript, startedAt);
  let failure: string | undefined;
  if (transcript.exitCode === undefined) {
    const said = [...transcript.loose, ...transcript.steps.flatMap(s => s.lines)].slice(-8);
    failure = [
      `run cell ${cell.name}: ${reason}; console (${files.console}) ends with:`,
      await consoleTail(files.console),
      ...(said.length > 0 ? ['  and its last lines were:', ...said.map(l => `    ${l}`)] : []),
    ].join('\n');
  } else {
    await unpackResults(files.results, outDir).catch((error: unknown) => {
      failure = `run cell ${cell.name}: ${(error as Error).message}`;
    });
  }
  await run('rm', ['-f', files.results]);
  return {
    cell,
    release: transcript.release,
    steps: transcript.steps,
    exitCode: failure ? GUEST_DIED : (transcript.exitCode ?? GUEST_DIED),
    failure,
    bootMs,
    totalMs: Date.now() - startedAt,
    outDir,
  };
}

/** Returns why QEMU ended, in words that complete "run cell X: …", and when the guest was up. */
function follow(
  request: BootRequest,
  files: GuestFiles,
  transcript: GuestTranscript,
  startedAt: number,
): Promise<{ reason: string; bootMs: number | undefined }> {
  const { cell } = request;
  const { program } = cell.architecture.qemu;
  const args = qemuArguments(cell, files, request);
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Promise(resolve => {
    let reason = 'the guest died before its last word';
    let bootMs: number | undefined;
    let errors = '';
    const stop = (why: string): void => {
      reason = why;
      child.kill('SIGKILL');
    };
    const limit = (ms: number, what: string) =>
      setTimeout(() => stop(`${what} for ${Math.round(ms / 1000)} s`), ms);
    let timer = limit(request.bootTimeoutMs, 'the guest did not start');
    const aborted = (): void => stop('the run was stopped');
    request.signal?.addEventListener('abort', aborted, { once: true });
    if (request.signal?.aborted) aborted();
    const lines = createInterface({ input: child.stdout });
    lines.on('line', raw => {
      const line = raw.replace(/\r+$/, '');
      const nowMs = Date.now() - startedAt;
      const step = transcript.push(line, nowMs);
      if (transcript.release !== undefined) bootMs ??= nowMs;
      clearTimeout(timer);
      if (transcript.release === undefined) {
        timer = limit(request.bootTimeoutMs, 'the guest did not start');
      } else timer = limit(request.silenceTimeoutMs, 'the guest was silent');
      request.onLine?.(line, step);
    });
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const finish = (text: string): void => {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', aborted);
      resolve({ reason: text, bootMs });
    };
    child.on('error', error => finish(`start ${program}: ${error.message}`));
    child.on('close', () => finish(errors ? `${reason} (${errors.trim()})` : reason));
  });
}
