/**
 * A running test program that is talked to in lines. What a reader would get wrong: lines may
 * have been printed before anybody waits for them; none is lost.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** One child process; stop it in the test's teardown. */
export class RunningProgram {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #waiting: ((line: string) => void) | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid!;
    createInterface({ input: child.stdout! }).on('line', line => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting === undefined) this.#lines.push(line);
      else waiting(line);
    });
  }

  /** Starts a program; rejects with the system's error when it cannot be executed. */
  static start(path: string, args: readonly string[] = []): Promise<RunningProgram> {
    return new Promise((resolve, reject) => {
      const child = spawn(path, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      child.once('error', reject);
      child.once('spawn', () => resolve(new RunningProgram(child)));
    });
  }

  /** The next line of its standard output. */
  line(): Promise<string> {
    const first = this.#lines.shift();
    if (first !== undefined) return Promise.resolve(first);
    return new Promise(resolve => (this.#waiting = resolve));
  }

  /** Sends one line to its standard input and returns the line that it answers with. */
  ask(question: string): Promise<string> {
    this.#child.stdin!.write(`${question}\n`);
    return this.line();
  }

  /** Kills it and waits until it is collected. Safe to call twice. */
  stop(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    return new Promise(resolve => {
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    });
  }
}
