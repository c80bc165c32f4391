/**
 * Starts the command of `sonde trace -- CMD` so that it can be traced from its beginning. The fact
 * a reader gets wrong: attaching takes a fraction of a second, in which a program does much; so it
 * is stopped as soon as its C library is mapped, and runs on when the probes are in place.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { UsageError } from '@sonde/core';

/** A command that was started and waits. */
export interface Launched {
  readonly pid: number;
  /** Lets it run. */
  resume(): void;
  /** Asks it to end when it still runs, and resolves once it has. */
  end(): Promise<void>;
}

/** How long to wait for the dynamic loader before the program is taken for a static one. */
const MAPPED_WITHIN_MS = 250;

/**
 * Starts a command, stopped early in its start-up. Its standard output goes to our standard error,
 * so that a report on standard output stays one. Throws UsageError when it cannot be started.
 */
export async function launch(command: readonly string[]): Promise<Launched> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ['inherit', 2, 'inherit'] });
  const closed = new Promise<void>(resolve => {
    child.once('exit', () => resolve());
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', cause => {
      const hint = 'give the path of a program that can be run';
      reject(new UsageError(`start ${command[0]}: ${cause.message}`, { hint, cause }));
    });
  });
  const pid = child.pid!;
  await untilMapped(pid);
  child.kill('SIGSTOP');
  return {
    pid,
    resume: () => void child.kill('SIGCONT'),
    end: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** Resolves when the process has mapped a C library, or soon after if it maps none. */
async function untilMapped(pid: number): Promise<void> {
  const deadline = Date.now() + MAPPED_WITHIN_MS;
  while (Date.now() < deadline) {
    let maps = '';
    try {
      maps = readFileSync(`/proc/${pid}/maps`, 'latin1');
    } catch {
      return; // it has exited: opening the target says so
    }
    if (/r-xp .*\/(?:libc[.-]|ld-musl)/.test(maps)) return;
    if (maps !== '' && !maps.includes('/ld-')) return;
    await new Promise(resolve => setTimeout(resolve, 1));
  }
}
