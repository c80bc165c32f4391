/**
 * What runs a guest's instructions: KVM or HVF where a boot has proved that it works, else QEMU's
 * own emulation (TCG).
 *
 * The fact readers get wrong: a /dev/kvm that opens proves nothing. Nested or restricted machines
 * have one on which a stock kernel never prints a line. So the cell's own kernel is booted once
 * with it, to the guest's first script, and the answer is remembered for this machine, its kernel,
 * the guest's kernel and QEMU.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { cpus, hostname, release } from 'node:os';
import { dirname, join } from 'node:path';
import { cacheRoot, contentKey, run, type Progress } from '@sonde/toolchain';
import { CHECK_WORD } from '../images/initramfs.js';
import type { Cell } from '../matrix.js';

/** A value of QEMU's -accel. */
export type Accelerator = 'kvm' | 'hvf' | 'tcg';

/** What was found out, as it is remembered. */
export interface AcceleratorAnswer {
  readonly accelerator: Accelerator;
  /** In a few words: how long the proving boot took, or why emulation is left. */
  readonly why: string;
  /** ISO 8601. */
  readonly date: string;
}

/** What to try and how long to wait for it. */
export interface AcceleratorRequest {
  readonly cell: Cell;
  readonly kernel: string;
  readonly initramfs: string;
  readonly progress: Progress;
  /** Where answers are kept. */
  readonly folder?: string;
  /** The accelerator that this machine seems to have for this architecture. */
  readonly candidate?: Accelerator;
  readonly timeoutMs?: number;
}

/** A machine on which the accelerator works boots to its first script within one second. */
const TIMEOUT_MS = 6000;
/** A refusal may have been a bad day: it is asked again after a week. */
const REFUSAL_MS = 7 * 24 * 60 * 60 * 1000;

/** Returns what this machine might run the cell's architecture with; nothing is started for it. */
export function acceleratorCandidate(
  cell: Cell,
  machine: { arch: string; platform: NodeJS.Platform } = process,
): Accelerator {
  const forced = process.env['SONDE_ACCEL'];
  if (forced === 'tcg' || cell.architecture.npm !== machine.arch) return 'tcg';
  if (machine.platform === 'darwin') return 'hvf';
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return 'kvm';
  } catch {
    return 'tcg';
  }
}

/** QEMU's arguments for an accelerator: with one, a guest sees the processor as it is. */
export function acceleratorArguments(accelerator: Accelerator, cpu: string): string[] {
  return ['-accel', accelerator, '-cpu', accelerator === 'tcg' ? cpu : 'host'];
}

/** Boots to the first script. Returns why it did not get there; nothing when it did. */
function proveBoot(request: AcceleratorRequest, accelerator: Accelerator): Promise<string> {
  const { qemu } = request.cell.architecture;
  const append = `panic=-1 quiet console=${qemu.console} rdinit=/init ${CHECK_WORD}`;
  const args = [
    ...acceleratorArguments(accelerator, qemu.cpu),
    ...['-machine', qemu.machine, '-smp', '1', '-m', String(request.cell.kernel.memoryMib)],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-kernel', request.kernel, '-initrd', request.initramfs],
    ...['-append', `${append} sonde.tap=${qemu.tap}`],
    ...['-chardev', 'null,id=console', '-serial', 'chardev:console'],
    ...['-chardev', 'stdio,id=tap,signal=off', '-device', 'pci-serial,chardev=tap'],
  ];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', qemu.program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const limitMs = request.timeoutMs ?? TIMEOUT_MS;
  return new Promise(resolve => {
    let said = '';
    let errors = '';
    let reason = 'QEMU ended without a boot';
    const timer = setTimeout(() => {
      reason = `it did not boot within ${limitMs / 1000} s`;
      child.kill('SIGKILL');
    }, limitMs);
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('##CELL start')) child.kill('SIGKILL');
    });
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.once('error', error => (reason = error.message));
    child.once('close', () => {
      clearTimeout(timer);
      if (said.includes('##CELL start')) resolve('');
      else resolve(errors.trim().split('\n')[0] || reason);
    });
  });
}

async function answerPath(request: AcceleratorRequest, accelerator: Accelerator): Promise<string> {
  const { cell, kernel } = request;
  const version = await run(cell.architecture.qemu.program, ['--version']).catch(() => '');
  const machine = [hostname(), release(), cpus()[0]?.model ?? ''];
  const key = contentKey([...machine, version, kernel, cell.name, accelerator]);
  const folder = request.folder ?? join(cacheRoot(), 'accelerator');
  return join(folder, `${cell.name}-${key}.json`);
}

async function remembered(path: string): Promise<AcceleratorAnswer | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const answer = JSON.parse(text) as AcceleratorAnswer;
  const isOld = Date.now() - Date.parse(answer.date) > REFUSAL_MS;
  return answer.accelerator === 'tcg' && isOld ? undefined : answer;
}

/**
 * Returns what the cell's guests run with, after proving it with one boot where that has not been
 * done on this machine. Says what it found when it had to try.
 */
export async function chooseAccelerator(request: AcceleratorRequest): Promise<AcceleratorAnswer> {
  const { cell, progress } = request;
  const candidate = request.candidate ?? acceleratorCandidate(cell);
  const date = new Date().toISOString();
  if (candidate === 'tcg') return { accelerator: 'tcg', why: 'the machine has no other', date };
  const path = await answerPath(request, candidate);
  const known = await remembered(path);
  if (known !== undefined) return known;
  const began = Date.now();
  const refusal = await proveBoot(request, candidate);
  const took = `${((Date.now() - began) / 1000).toFixed(1)} s`;
  const name = candidate.toUpperCase();
  const answer: AcceleratorAnswer =
    refusal === ''
      ? { accelerator: candidate, why: `${name} booted in ${took}`, date }
      : { accelerator: 'tcg', why: `${name} does not work: ${refusal}`, date };
  progress(`accelerator for ${cell.name}: ${answer.accelerator.toUpperCase()}, ${answer.why}`);
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, JSON.stringify(answer));
  await rename(temporary, path);
  return answer;
}
