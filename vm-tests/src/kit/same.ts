/**
 * Findings that have to be the same on every kernel of an architecture, told to the runner, which
 * alone sees more than one kernel.
 *
 * The fact readers get wrong: the line is a TAP comment like that of `reportCompared`, and what
 * follows the name is compared as it is, so put a digest there and not a list.
 */
import { writeSync } from 'node:fs';

/** The comment's form: a name in which spaces are dashes, and a word. */
export const SAME = /^\s*# same (\S+) (\S+)$/;

/**
 * Reports a finding, such as the digest of all stacks of a workload, by a name of any words. Throws
 * RangeError when the finding is not one word.
 */
export function reportSame(name: string, finding: string): void {
  if (!/^\S+$/.test(finding)) throw new RangeError(`report ${name}: ${finding} is not one word`);
  writeSync(1, `# same ${name.trim().replace(/\s+/g, '-')} ${finding}\n`);
}
