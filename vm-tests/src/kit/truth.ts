/**
 * The workload `truth`, built by any Go release: how tests start it and read what it says.
 *
 * The fact readers get wrong: it names the functions above each allocation by runtime.Callers, in
 * its own words for inlined calls, so that a tracer's names for a stripped program are held against
 * the runtime's and not against symbols.
 */
import type { ReleaseProgram } from './releases.js';
import { startWorkload, type Workload, type WorkloadLine } from './workload.js';

/** Goroutines whose stacks grow under each hook; each makes two large objects and two C blocks. */
export const CHURNED_GOROUTINES = 24;

/**
 * Starts the program and waits until it is ready. Throws when another release built it than its
 * name says.
 */
export async function startTruth(program: ReleaseProgram): Promise<Workload> {
  const workload = startWorkload(program.program);
  const ready = await workload.next();
  const release = String(ready['release']);
  if (release === `go${program.goRelease}` || release.startsWith(`go${program.goRelease}.`)) {
    return workload;
  }
  await workload.stop();
  throw new Error(`start ${program.program}: it was built by ${release}`);
}

/** Sends a command; returns the lines of its answer and, apart, the one that ends it. */
export async function ask(
  workload: Workload,
  command: string,
  lastEvent: string,
): Promise<{ lines: WorkloadLine[]; last: WorkloadLine }> {
  workload.send(command);
  const lines: WorkloadLine[] = [];
  for (;;) {
    const line = await workload.next();
    if (line['event'] === lastEvent) return { lines, last: line };
    lines.push(line);
  }
}

/** The functions of the program itself among some frames, innermost first. */
export function ownFunctions(frames: readonly { readonly function: string }[]): string[] {
  return frames.map(frame => frame.function).filter(name => name.startsWith('main.'));
}
