/**
 * Starts a program of known truth and talks with it: JSON lines out, one command per line in.
 *
 * The same program runs on the host and in a guest; only its folder differs. The fact readers get
 * wrong: a workload's first line comes when it is ready, so a test that attaches before reading it
 * may attach to a process that has not yet mapped its libraries.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cellInfo } from './cell.js';

/** One line of a workload, parsed; what its fields mean is the workload's own business. */
export type WorkloadLine = Record<string, unknown>;

/** Where to find a workload and how to start it. */
export interface WorkloadOptions {
  /** Such as `1.24`: the build made by that Go release instead of the default one. */
  readonly goRelease?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** How long to wait for any one line, in milliseconds; a minute by default. */
  readonly lineTimeoutMs?: number;
  /** Program and arguments that the workload is started by, such as `['unshare', '--pid']`. */
  readonly under?: readonly string[];
}

const LINE_TIMEOUT_MS = 60_000;

/** Returns the folder in which the programs of this architecture lie. */
export function workloadsFolder(): string {
  const built = fileURLToPath(new URL(`../workloads/${cellInfo().arch}`, import.meta.url));
  return process.env['SONDE_WORKLOADS'] ?? built;
}

/** Returns the path of a workload's program. Throws when it was not built. */
export function workloadPath(name: string, goRelease?: string): string {
  const path = join(workloadsFolder(), goRelease === undefined ? name : `${name}-go${goRelease}`);
  if (existsSync(path)) return path;
  throw new Error(`start workload ${name}: no ${path}; build it with \`sonde-vm workloads\``);
}

/**
 * A program of known truth while it runs; its lines are read in the order in which it wrote them.
 */
export class Workload {
  readonly path: string;
  /** Every line so far, in order, whoever has read it. */
  readonly seen: WorkloadLine[] = [];
  private readonly child: ChildProcess;
  private readonly unread: WorkloadLine[] = [];
  private readonly waiting: { take: (line: WorkloadLine) => void; fail: (e: Error) => void }[] = [];
  private readonly lineTimeoutMs: number;
  private errors = '';
  private gone: string | undefined;
  private readonly closed: Promise<number>;

  constructor(path: string, args: readonly string[], options: WorkloadOptions) {
    this.path = path;
    this.lineTimeoutMs = options.lineTimeoutMs ?? LINE_TIMEOUT_MS;
    const [program = path, ...rest] = [...(options.under ?? []), path, ...args];
    this.child = spawn(program, rest, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    this.child.stdin?.on('error', () => undefined);
    this.child.stderr?.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', line => {
      this.receive(line);
    });
    this.closed = new Promise(resolve => {
      this.child.once('error', error => {
        this.end(`cannot be started: ${error.message}`);
        resolve(127);
      });
      this.child.once('close', (code, signal) => {
        this.end(`ended with ${signal ?? code}${this.errors ? `: ${this.errors.trim()}` : ''}`);
        resolve(code ?? 128);
      });
    });
  }

  /** The process id, in this process's namespace. */
  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Returns the exit code once the workload is gone; 128 when a signal ended it. */
  get exited(): Promise<number> {
    return this.closed;
  }

  private receive(text: string): void {
    let line: WorkloadLine;
    try {
      line = JSON.parse(text) as WorkloadLine;
    } catch {
      this.errors += `${text}\n`;
      return;
    }
    this.seen.push(line);
    const waiter = this.waiting.shift();
    if (waiter) waiter.take(line);
    else this.unread.push(line);
  }

  private end(how: string): void {
    this.gone = how;
    for (const waiter of this.waiting.splice(0)) waiter.fail(this.failure('read line'));
  }

  private failure(what: string): Error {
    return new Error(`${what} of workload ${this.path}: it ${this.gone ?? 'said nothing'}`);
  }

  /** Returns the next line that nobody has read. Rejects when the workload ends or stays silent. */
  next(): Promise<WorkloadLine> {
    const ready = this.unread.shift();
    if (ready) return Promise.resolve(ready);
    if (this.gone !== undefined) return Promise.reject(this.failure('read line'));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const index = this.waiting.indexOf(waiter);
        if (index >= 0) this.waiting.splice(index, 1);
        reject(this.failure(`wait ${this.lineTimeoutMs} ms for a line`));
      }, this.lineTimeoutMs);
      const waiter = {
        take: (line: WorkloadLine) => {
          clearTimeout(timer);
          resolve(line);
        },
        fail: (error: Error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.waiting.push(waiter);
    });
  }

  /** Reads lines until one fits, and returns it; the others stay in `seen`. */
  async until(fits: (line: WorkloadLine) => boolean): Promise<WorkloadLine> {
    for (;;) {
      const line = await this.next();
      if (fits(line)) return line;
    }
  }

  /** Writes one command line to the workload, without waiting for an answer. */
  send(command: string): void {
    this.child.stdin?.write(`${command}\n`);
  }

  /** Writes one command line and returns the next unread line, its answer. */
  async command(command: string): Promise<WorkloadLine> {
    const answer = this.next();
    this.send(command);
    return answer;
  }

  /** Sends a signal; 0 only asks whether the process is there. */
  kill(signal: NodeJS.Signals | 0 = 'SIGTERM'): boolean {
    return this.child.kill(signal);
  }

  /**
   * Closes the workload's input, then ends it by force after two seconds; returns its exit code.
   */
  async stop(): Promise<number> {
    this.child.stdin?.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 2000);
    const code = await this.closed;
    clearTimeout(timer);
    return code;
  }
}

/**
 * Starts a workload by name and returns it at once; `await workload.next()` waits for its first
 * line.
 */
export function startWorkload(
  name: string,
  args: readonly string[] = [],
  options: WorkloadOptions = {},
): Workload {
  return new Workload(workloadPath(name, options.goRelease), args, options);
}
