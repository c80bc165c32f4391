/**
 * Turns one suite's TAP output into counts and a verdict.
 *
 * The fact readers get wrong: a TAP stream can be valid and prove nothing. A suite passes only when
 * its process exited with 0, its plan was met, no test failed, and at least one event was compared.
 */
import { Parser } from 'tap-parser';
import { COMPARED } from '../kit/compared.js';
import { SAME } from '../kit/same.js';

/** What one suite did in one cell. */
export interface SuiteVerdict {
  readonly suite: string;
  /** `5.10-amd64`, or `host`. */
  readonly cell: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Events compared with the truth, summed over the suite's tests. */
  readonly compared: number;
  /** What has to be the same on every kernel of an architecture, by name. */
  readonly findings: Readonly<Record<string, string>>;
  readonly ok: boolean;
  /** Why it is not ok, in one sentence each; empty when it is. */
  readonly reasons: readonly string[];
}

/** Judges a suite's lines. `exitCode` is undefined when the process or its guest never ended. */
export function judgeSuite(
  suite: string,
  cell: string,
  lines: readonly string[],
  exitCode: number | undefined,
): SuiteVerdict {
  const compared = lines.reduce((sum, line) => sum + Number(COMPARED.exec(line)?.[1] ?? 0), 0);
  const tap = lines.filter(line => !COMPARED.test(line));
  const failures: string[] = [];
  const parser = new Parser({ passes: false });
  parser.on('assert', point => {
    if (!point.ok && !point.todo && !point.skip) failures.push(`not ok: ${point.name}`);
  });
  parser.end(`${tap.join('\n')}\n`);
  const results = parser.results;
  const reasons = [...failures];
  if (exitCode === undefined) reasons.push('it never ended');
  else if (exitCode === 137) reasons.push('it was killed: out of time or memory');
  else if (exitCode !== 0 && failures.length === 0) reasons.push(`it exited with ${exitCode}`);
  const planless = !results || results.plan.end === null || results.count === 0;
  if (failures.length === 0 && (planless || !results.ok)) {
    const why = results?.failures[0] as { tapError?: string } | undefined;
    const said = why?.tapError ?? (results?.bailout || 'no test, or no plan');
    reasons.push(`its TAP output is broken: ${said}`);
  }
  const passed = (results?.pass ?? 0) - (results?.skip ?? 0);
  if (reasons.length === 0 && compared === 0) {
    reasons.push('it compared no events with the truth; a test says so by witness() and its saw()');
  }
  return {
    suite,
    cell,
    passed: Math.max(0, passed),
    failed: results?.fail ?? 0,
    skipped: results?.skip ?? 0,
    compared,
    findings: findingsIn(lines),
    ok: reasons.length === 0,
    reasons,
  };
}

function findingsIn(lines: readonly string[]): Record<string, string> {
  const found = lines.map(line => SAME.exec(line)).filter(match => match !== null);
  return Object.fromEntries(found.map(([, name = '', finding = '']) => [name, finding]));
}

/** Returns the verdict of a suite that could not even be started, for the reason given. */
export function brokenSuite(suite: string, cell: string, reason: string): SuiteVerdict {
  const none = { passed: 0, failed: 0, skipped: 0, compared: 0 };
  return { suite, cell, ...none, findings: {}, ok: false, reasons: [reason] };
}

/** Returns the verdict as one line: `ok    probe-x in 5.10-amd64: 4 passed, 0 failed, …`. */
export function verdictLine(verdict: SuiteVerdict): string {
  const { suite, cell, passed, failed, skipped, compared, ok, reasons } = verdict;
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped, ${compared} events`;
  const line = `${ok ? 'ok  ' : 'FAIL'} ${suite} in ${cell}: ${counts} compared`;
  return [line, ...reasons.map(reason => `       ${reason}`)].join('\n');
}

/** Most lines of a failed suite that are shown; all of them are in its .tap file. */
const EXCERPT_LINES = 70;

/**
 * Returns the lines that explain a failure: each failed assertion that is not merely the sum of
 * others, with its diagnostics; the end of the output when no assertion failed.
 */
export function failureExcerpt(lines: readonly string[]): string[] {
  const excerpt: string[] = [];
  for (const [index, line] of lines.entries()) {
    const indent = /^(\s*)not ok /.exec(line)?.[1];
    if (indent === undefined || / # (SKIP|TOD[O])/i.test(line)) continue;
    // A subtest that failed follows its own assertions and plan, which said why.
    const isSum = /^\s*\d+\.\.\d+$|^\s+# /.test(lines[index - 1] ?? '') && / # time=/.test(line);
    if (isSum && excerpt.length > 0) continue;
    const end = lines.findIndex((l, i) => i > index && /^\s*\.\.\.$/.test(l));
    const hasDiagnostics = /^\s*---$/.test(lines[index + 1] ?? '') && end > index;
    excerpt.push(...lines.slice(index, hasDiagnostics ? end + 1 : index + 1));
  }
  if (excerpt.length === 0) return lines.slice(-EXCERPT_LINES);
  const more = excerpt.length - EXCERPT_LINES;
  return more > 0 ? [...excerpt.slice(0, EXCERPT_LINES), `(${more} more lines)`] : excerpt;
}
