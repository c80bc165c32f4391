/**
 * The exit codes, and how a failure becomes one line with its next step. The fact a reader gets
 * wrong: what the user can mend (input, rights) is 2, also when the kernel or the Go release lacks
 * something; 1 is left for what went wrong on the way.
 */
import { LoadError, UnsupportedError, UsageError } from '@sonde/core';

/** Done; failed; bad usage or missing rights; `--fail-on` found what it was asked for. */
export const EXIT = { done: 0, failed: 1, usage: 2, found: 3 } as const;

/** What is printed on standard error for an error, and the code to exit with. */
export interface Failure {
  readonly lines: readonly string[];
  readonly code: number;
}

/** Describes any thrown value. Stacks are shown only where `debug` is set. */
export function describeFailure(error: unknown, debug: boolean): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const lines = [`sonde: ${message}`];
  if (error instanceof LoadError) {
    if (error.explanation.length > 0) lines.push(...error.explanation.map(line => `  ${line}`));
    else if (error.source !== '') lines.push(`  at ${error.source}`);
    if (error.summary !== '' && !message.includes(error.summary)) lines.push(`  ${error.summary}`);
  }
  const hint = hintOf(error);
  if (hint !== undefined) lines.push(`  ${hint}`);
  if (debug && error instanceof Error && error.stack !== undefined) lines.push(error.stack);
  if (debug && error instanceof LoadError && error.log !== '') lines.push(error.log);
  const usage = error instanceof UsageError || error instanceof UnsupportedError;
  return { lines, code: usage || lacksRights(error) ? EXIT.usage : EXIT.failed };
}

function hintOf(error: unknown): string | undefined {
  const known =
    error instanceof UsageError || error instanceof UnsupportedError || error instanceof LoadError;
  if (known && error.hint !== undefined) return error.hint;
  if (lacksRights(error)) return 'run as root, or see what is missing: sonde doctor';
  return undefined;
}

/** EPERM (1) and EACCES (13) from bpf(2) and perf_event_open(2) are missing rights. */
function lacksRights(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const errno = (at as { errno?: unknown }).errno;
    const code = (at as { code?: unknown }).code;
    if (errno === 1 || errno === 13 || code === 'EPERM' || code === 'EACCES') return true;
  }
  return false;
}
