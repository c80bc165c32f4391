/**
 * `sonde trace` as a user starts it, on a program that is running: its report, and what the program
 * said of itself meanwhile. The fact readers get wrong: a trace that fails leaves the report of an
 * earlier run where it is, so that is removed first.
 */
import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A running program that says what it does: the test kit's workload, as far as it is used here. */
export interface Traced {
  readonly pid: number;
  next(): Promise<Readonly<Record<string, unknown>>>;
  send(line: string): void;
  stop(): Promise<unknown>;
}

/** A frame of a suspect's stack. */
export interface Frame {
  readonly function: string;
  readonly kind: string;
  /** Whether a compiler inlined it, which of C only `--inlined` tells. */
  readonly inlined: boolean;
  /** Path of the file that the code lies in. */
  readonly module: string;
}

/** What a report says of one suspect, as far as tests look at it. */
export interface Suspect {
  readonly class: string;
  readonly bytes: number;
  /** Seconds since the window's start and bytes held, at every look. */
  readonly held: readonly (readonly [atSeconds: number, bytes: number])[];
  readonly frames?: readonly Frame[];
  /** Why frames are missing; null where none is. */
  readonly truncated?: string | null;
}

/** A report, as far as tests look at it. */
export interface Report {
  readonly window: { readonly startedAt: string; readonly seconds: number };
  readonly suspects: readonly Suspect[];
  readonly losses: { readonly total: Readonly<Record<string, number>> };
}

/** A report, and the truth about the same time. */
export interface Finding {
  readonly report: Report;
  /** What the program says it had lost by then. */
  readonly said: readonly (readonly [atMs: number, bytes: number])[];
}

/** Notes what the program says it has lost, and when it said so, until it ends. */
async function noteLosses(workload: Traced, said: [atMs: number, bytes: number][]): Promise<void> {
  try {
    for (;;) {
      const { lostBytes } = await workload.next();
      if (typeof lostBytes === 'number') said.push([Date.now(), lostBytes]);
    }
  } catch {
    // It has ended, as the test told it to.
  }
}

/** How long a program is traced, in seconds. */
const TRACED_SECONDS = 12;

/**
 * Runs `sonde trace` on a program for a while, with further flags, and ends it. `name`
 * tells the reports of one run apart. Throws when the trace fails.
 */
export async function traceLeak(
  name: string,
  workload: Traced,
  flags: readonly string[] = [],
): Promise<Finding> {
  const said: [number, number][] = [];
  const noted = noteLosses(workload, said);
  const cli = process.env['SONDE_CLI'] ?? '';
  const path = join(process.env['SONDE_OUT'] ?? '.', `trace-${name}.json`);
  const words = ['--duration', `${TRACED_SECONDS}s`, '--max-overhead', 'off', '--json', path];
  const args = [cli, 'trace', '--pid', String(workload.pid), ...words, ...flags];
  rmSync(path, { force: true });
  await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 24 });
  const report = JSON.parse(readFileSync(path, 'utf8')) as Report;
  workload.send('exit');
  await workload.stop();
  await noted;
  return { report, said };
}
