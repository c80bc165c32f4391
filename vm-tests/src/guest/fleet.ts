/**
 * Runs the same payload in several cells, as many at a time as the machine has room for.
 *
 * The fact readers get wrong: a guest under emulation uses one whole core, and QEMU itself takes
 * about 150 MiB beside the guest's memory; more guests than cores only make timeouts likelier.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Progress } from '@sonde/toolchain';
import { initramfs } from '../images/initramfs.js';
import { checkPrograms, kernelImage } from '../images/kernel.js';
import { userlandImage } from '../images/userland.js';
import type { Architecture, Cell, Matrix } from '../matrix.js';
import { withScratch } from '../scratch.js';
import { chooseAccelerator } from './accelerator.js';
import { bootGuest, type GuestResult } from './boot.js';
import { makePayload, type PayloadFile, type Step } from './payload.js';
import type { StepResult } from './protocol.js';

/** What to run in which cells. */
export interface FleetRequest {
  readonly matrix: Matrix;
  readonly cells: readonly Cell[];
  /** The files of a payload for one architecture; called once for each that occurs. */
  readonly files: (architecture: Architecture) => Promise<readonly PayloadFile[]>;
  /** What runs in a cell; cells of one architecture share the files. */
  readonly steps: (cell: Cell) => readonly Step[];
  /** Each cell gets a folder in it, with its console and what it brought out. */
  readonly outDir: string;
  readonly jobs?: number;
  readonly memoryMib?: number;
  readonly bootTimeoutMs?: number;
  readonly silenceTimeoutMs?: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  readonly onBoot?: (cell: Cell) => void;
  readonly onLine?: (cell: Cell, line: string, step: StepResult | undefined) => void;
  readonly onDone?: (result: GuestResult) => void;
}

const QEMU_OVERHEAD_MIB = 160;
const KEPT_FREE_MIB = 512;

/** Returns how many guests of this size fit into `availableMib` and `cores`, at least 1. */
export function guestsAtOnce(memoryMib: number, availableMib: number, cores: number): number {
  const fit = Math.floor((availableMib - KEPT_FREE_MIB) / (memoryMib + QEMU_OVERHEAD_MIB));
  return Math.max(1, Math.min(cores, fit));
}

async function availableMib(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  return Number(/^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1] ?? 1_048_576) / 1024;
}

/** Fetches and builds everything the cells boot from, so that a run can then work offline. */
export async function prepareCells(
  matrix: Matrix,
  cells: readonly Cell[],
  progress: Progress,
): Promise<void> {
  await checkPrograms(cells);
  for (const cell of cells) await kernelImage(cell, progress);
  for (const arch of new Set(cells.map(c => c.architecture))) {
    await userlandImage(matrix, arch, progress);
    await initramfs(matrix, arch, progress);
  }
}

/**
 * Boots every cell once and returns the results in the order of `cells`. Rejects only when a guest
 * cannot be prepared; what happens inside one is in its result.
 */
export async function runFleet(request: FleetRequest): Promise<GuestResult[]> {
  const { matrix, cells, progress } = request;
  await prepareCells(matrix, cells, progress);
  return withScratch(async scratch => {
    const payloads = new Map<string, string>();
    for (const arch of new Set(cells.map(c => c.architecture))) {
      const image = join(scratch, `payload-${arch.name}.ext4`);
      const own = cells.filter(cell => cell.architecture === arch);
      const steps = new Map(own.map(cell => [cell.name, request.steps(cell)]));
      await makePayload(image, await request.files(arch), steps);
      payloads.set(arch.name, image);
    }
    const memory = Math.max(...cells.map(c => request.memoryMib ?? c.kernel.memoryMib));
    const jobs = request.jobs ?? guestsAtOnce(memory, await availableMib(), availableParallelism());
    const results: GuestResult[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let index = next++; index < cells.length; index = next++) {
        const cell = cells[index] as Cell;
        const result = await bootCell(request, cell, payloads.get(cell.architecture.name) ?? '');
        results[index] = result;
        request.onDone?.(result);
      }
    };
    await Promise.all(Array.from({ length: Math.min(jobs, cells.length) }, worker));
    return results;
  });
}

async function bootCell(request: FleetRequest, cell: Cell, payload: string): Promise<GuestResult> {
  const { matrix, progress } = request;
  const outDir = join(request.outDir, cell.name);
  await rm(outDir, { recursive: true, force: true });
  await mkdir(outDir, { recursive: true });
  const kernel = (await kernelImage(cell, progress)).path;
  const first = await initramfs(matrix, cell.architecture, progress);
  const chosen = await chooseAccelerator({ cell, kernel, initramfs: first, progress });
  request.onBoot?.(cell);
  return bootGuest({
    cell,
    outDir,
    accelerator: chosen.accelerator,
    files: {
      kernel,
      initramfs: first,
      base: await userlandImage(matrix, cell.architecture, progress),
      payload,
    },
    stepNames: request.steps(cell).map(s => s.name),
    bootTimeoutMs: request.bootTimeoutMs ?? 90_000,
    silenceTimeoutMs: request.silenceTimeoutMs ?? 120_000,
    ...(request.memoryMib === undefined ? {} : { memoryMib: request.memoryMib }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    onLine: (line, step) => request.onLine?.(cell, line, step),
  });
}
