/**
 * A guest that stays up between runs: lines go in, lines come out, files go in by a disk.
 *
 * The facts readers get wrong: each delivery lies at a place of the disk that was never read
 * before, because the guest's page cache does not know that the host writes; and the serial line is
 * read a line at a time, of at most 4095 characters.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Progress } from '@sonde/toolchain';
import { initramfs } from '../images/initramfs.js';
import { checkPrograms, kernelImage } from '../images/kernel.js';
import { userlandImage } from '../images/userland.js';
import type { Cell, Matrix } from '../matrix.js';
import { chooseAccelerator } from './accelerator.js';
import { makePayload, type PayloadFile, type Step } from './payload.js';
import { qemuArguments } from './qemu.js';

/** A file that was put on the disk: where it begins, and its length in bytes. */
export interface Delivery {
  readonly offset: number;
  readonly bytes: number;
}

/** What to boot. */
export interface WarmGuestRequest {
  readonly matrix: Matrix;
  readonly cell: Cell;
  readonly files: readonly PayloadFile[];
  /** The program that stays; its standard input and output are its own business. */
  readonly step: Step;
  /** For the disks and the console; has to outlive the guest. */
  readonly folder: string;
  readonly progress: Progress;
  readonly onLine: (line: string) => void;
  /** Called once, when QEMU is gone, with its last words. */
  readonly onGone: (why: string) => void;
}

const DISK_BYTES = 2 ** 36;
/** Farther than the kernel reads ahead. */
const SLOT_BYTES = 2 ** 22;

/** A booted guest; QEMU dies with this process, however that ends. */
export class WarmGuest {
  readonly cell: Cell;
  readonly console: string;
  readonly #disk: number;
  readonly #child: ChildProcess;
  #next = 0;

  private constructor(request: WarmGuestRequest, child: ChildProcess, disk: string) {
    this.cell = request.cell;
    this.console = join(request.folder, 'console.log');
    this.#child = child;
    this.#disk = openSync(disk, 'r+');
    let errors = '';
    child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', line => {
      request.onLine(line.replace(/\r+$/, ''));
    });
    child.stdin?.on('error', () => undefined);
    child.once('error', error => request.onGone(error.message));
    child.once('close', () => request.onGone(errors.trim() || `its console: ${this.console}`));
  }

  /** Fetches and builds what the guest needs and starts it; its first lines say when it is up. */
  static async start(request: WarmGuestRequest): Promise<WarmGuest> {
    const { matrix, cell, folder, progress } = request;
    await checkPrograms([cell]);
    await mkdir(folder, { recursive: true });
    const payload = join(folder, 'payload.ext4');
    await makePayload(payload, request.files, new Map([[cell.name, [request.step]]]));
    const disk = join(folder, 'deliveries.img');
    writeFileSync(disk, '');
    truncateSync(disk, DISK_BYTES);
    const kernel = (await kernelImage(cell, progress)).path;
    const first = await initramfs(matrix, cell.architecture, progress);
    const { accelerator } = await chooseAccelerator({ cell, kernel, initramfs: first, progress });
    const files = {
      ...{ kernel, initramfs: first, payload },
      base: await userlandImage(matrix, cell.architecture, progress),
      results: disk,
      console: join(folder, 'console.log'),
    };
    const args = qemuArguments(cell, files, { accelerator });
    const { program } = cell.architecture.qemu;
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    return new WarmGuest(request, child, disk);
  }

  /** Puts bytes where the guest has not looked yet. Throws RangeError when the disk is used up. */
  deliver(bytes: Uint8Array): Delivery {
    const slots = Math.ceil(bytes.byteLength / SLOT_BYTES) + 1;
    const offset = this.#next * SLOT_BYTES;
    if (offset + slots * SLOT_BYTES > DISK_BYTES) {
      throw new RangeError(`deliver ${bytes.byteLength} bytes: the disk is full; start it again`);
    }
    this.#next += slots;
    writeSync(this.#disk, bytes, 0, bytes.byteLength, offset);
    return { offset, bytes: bytes.byteLength };
  }

  /** Writes one line to the guest's serial port. Throws RangeError when it is too long for it. */
  send(line: string): void {
    if (line.length > 4000) throw new RangeError(`send ${line.length} characters: at most 4000`);
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Ends the guest at once. Idempotent. */
  close(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
    try {
      closeSync(this.#disk);
    } catch {
      // Closed before.
    }
  }
}
