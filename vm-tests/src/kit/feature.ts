/**
 * Skips that are earned: a test may be skipped only where the kernel is too old to have the
 * feature.
 *
 * On a kernel that should have it, its absence fails the test, so a matrix that is green has tried
 * everything that it says. The fact readers get wrong: an architecture may get a feature later than
 * the kernel's headline version, so `since` may be given per architecture.
 */
import { cellInfo, kernelAtLeast, type CellInfo } from './cell.js';

/** A kernel feature as `@sonde/core` states it; structural, so that this kit imports no sources. */
export interface FeatureAnswer {
  readonly name: string;
  /** First kernel version that has it: `5.15`. */
  readonly since: string;
  readonly available: boolean;
  /** What was tried and what it answered. */
  readonly evidence?: string;
}

/** The two methods of a tap test that a skip needs. */
export interface Skippable {
  fail(message: string): unknown;
  skip(message: string): unknown;
}

/** What follows from a feature's answer in a cell. */
export type SkipVerdict =
  | { readonly kind: 'run' }
  | { readonly kind: 'skip'; readonly reason: string }
  | { readonly kind: 'fail'; readonly reason: string };

/** Decides without touching a test: run, an earned skip, or a failure. */
export function judgeFeature(
  feature: FeatureAnswer,
  cell: CellInfo,
  sinceOn: Partial<Record<CellInfo['arch'], string | 'never'>> = {},
): SkipVerdict {
  if (feature.available) return { kind: 'run' };
  const since = sinceOn[cell.arch] ?? feature.since;
  const where = `kernel ${cell.release} on ${cell.arch}`;
  const evidence = feature.evidence === undefined ? '' : ` (${feature.evidence})`;
  if (since === 'never') {
    return { kind: 'skip', reason: `${feature.name} does not exist on ${cell.arch}` };
  }
  if (!kernelAtLeast(since, cell.release)) {
    return { kind: 'skip', reason: `${feature.name} needs kernel ${since}; this is ${where}` };
  }
  const reason = `${feature.name} is there since ${since}, but is missing on ${where}${evidence}`;
  // A machine's own kernel may be configured without it; only the matrix's kernels are known.
  return { kind: cell.lane === 'guest' ? 'fail' : 'skip', reason };
}

/**
 * Returns true when the feature is there. Otherwise it skips or fails the test `t`, as the kernel's
 * age demands, and returns false; the caller then returns from its test.
 */
export function requireFeature(
  t: Skippable,
  feature: FeatureAnswer,
  sinceOn?: Partial<Record<CellInfo['arch'], string | 'never'>>,
): boolean {
  const verdict = judgeFeature(feature, cellInfo(), sinceOn);
  if (verdict.kind === 'run') return true;
  if (verdict.kind === 'skip') t.skip(verdict.reason);
  else t.fail(verdict.reason);
  return false;
}
