/**
 * The count of events that a test compared with the truth, so that a green cell proves something.
 *
 * The runner sums these lines per cell and fails a probe whose sum is zero. The fact readers get
 * wrong: the line is a TAP comment, so it survives any reporter, and it must start its own line.
 */
import { writeSync } from 'node:fs';

/** The comment's form, as the runner looks for it. */
export const COMPARED = /^\s*# compared (\d+)$/;

/**
 * Reports that `count` events (or addresses, or totals) were compared with what the workload itself
 * printed. Throws RangeError when there were none: such a test has shown nothing.
 */
export function reportCompared(count: number): void {
  if (!Number.isInteger(count) || count <= 0) {
    throw new RangeError(`report compared events: ${count} is not a positive integer`);
  }
  writeSync(1, `# compared ${count}\n`);
}
