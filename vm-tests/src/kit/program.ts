/**
 * A program of any kind while it runs under a test: lines out, lines in, and its end.
 *
 * The fact readers get wrong: its standard output is read line by line from the start, whoever
 * waits for it; a program that buffers its output when that is a pipe says nothing until it ends.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { programPath } from './workloads-folder.js';

/** How to start a program. */
export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Folder that it is started in; this process's own by default. */
  readonly cwd?: string;
  /** How long to wait for any one line, in milliseconds; a minute by default. */
  readonly lineTimeoutMs?: number;
  /** Program and arguments that it is started by, such as `['unshare', '--pid']`. */
  readonly under?: readonly string[];
}

const LINE_TIMEOUT_MS = 60_000;

/**
 * One process. Its lines are read in the order in which it wrote them, each as `parse` makes it;
 * what that makes nothing of counts as a complaint, like standard error.
 */
export class Program<Line = string> {
  readonly path: string;
  /** Every line so far, in order, whoever has read it. */
  readonly seen: Line[] = [];
  private readonly child: ChildProcess;
  private readonly unread: Line[] = [];
  private readonly waiting: { take: (line: Line) => void; fail: (e: Error) => void }[] = [];
  private readonly lineTimeoutMs: number;
  private errors = '';
  private gone: string | undefined;
  private readonly closed: Promise<number>;

  constructor(
    path: string,
    args: readonly string[],
    private readonly parse: (text: string) => Line | undefined,
    options: ProgramOptions = {},
  ) {
    this.path = path;
    this.lineTimeoutMs = options.lineTimeoutMs ?? LINE_TIMEOUT_MS;
    const [program = path, ...rest] = [...(options.under ?? []), path, ...args];
    this.child = spawn(program, rest, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.cwd !== undefined && { cwd: options.cwd }),
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

  /** Returns the exit code once the program is gone; 128 when a signal ended it. */
  get exited(): Promise<number> {
    return this.closed;
  }

  private receive(text: string): void {
    const line = this.parse(text);
    if (line === undefined) {
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
    return new Error(`${what} of ${this.path}: it ${this.gone ?? 'said nothing'}`);
  }

  /** Returns the next line that nobody has read. Rejects when it ends or stays silent. */
  next(): Promise<Line> {
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
        take: (line: Line) => {
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
  async until(fits: (line: Line) => boolean): Promise<Line> {
    for (;;) {
      const line = await this.next();
      if (fits(line)) return line;
    }
  }

  /** Writes one command line to the program, without waiting for an answer. */
  send(command: string): void {
    this.child.stdin?.write(`${command}\n`);
  }

  /** Writes one command line and returns the next unread line, its answer. */
  async command(command: string): Promise<Line> {
    const answer = this.next();
    this.send(command);
    return answer;
  }

  /** Sends a signal; 0 only asks whether the process is there. */
  kill(signal: NodeJS.Signals | 0 = 'SIGTERM'): boolean {
    return this.child.kill(signal);
  }

  /**
   * Closes the program's input, then ends it by force after two seconds; returns its exit code.
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
 * Starts any program and returns it at once: a path, a program that the tests brought along, or one
 * that the machine has. In a guest that is little more than `node` and `busybox`.
 */
export function startProgram(
  name: string,
  args: readonly string[] = [],
  options: ProgramOptions = {},
): Program {
  const brought = name.includes('/') ? name : programPath(name);
  const path = existsSync(brought) ? brought : name;
  return new Program(path, args, text => text, options);
}
