/**
 * Starts a program of known truth and talks with it: JSON lines out, one command per line in.
 *
 * The same program runs on the host and in a guest; only its folder differs. The fact readers get
 * wrong: a workload's first line comes when it is ready, so a test that attaches before reading it
 * may attach to a process that has not yet mapped its libraries.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { Program, type ProgramOptions } from './program.js';
import { programPath } from './workloads-folder.js';

/** One line of a workload, parsed; what its fields mean is the workload's own business. */
export type WorkloadLine = Record<string, unknown>;

/** Where to find a workload and how to start it. */
export interface WorkloadOptions extends ProgramOptions {
  /** Such as `1.24`: the build made by that Go release instead of the default one. */
  readonly goRelease?: string;
}

/** Returns the path of a workload's program. Throws when it was not built. */
export function workloadPath(name: string, goRelease?: string): string {
  const path = programPath(goRelease === undefined ? name : `${name}-go${goRelease}`);
  if (existsSync(path)) return path;
  throw new Error(`start workload ${name}: no ${path}; build it with \`sonde-vm workloads\``);
}

/** A program of known truth while it runs. */
export class Workload extends Program<WorkloadLine> {
  constructor(path: string, args: readonly string[], options: WorkloadOptions) {
    // Programs of musl name their loader relative to their own folder.
    super(path, args, parseLine, { cwd: dirname(path), ...options });
  }
}

function parseLine(text: string): WorkloadLine | undefined {
  try {
    return JSON.parse(text) as WorkloadLine;
  } catch {
    return undefined;
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
