/**
 * A test for each way in which a probe can attach, where older kernels lack some of them.
 *
 * The fact readers get wrong: a refusal is taken as "too old" only from a kernel that is older than
 * the way; from any other kernel of the matrix the same refusal fails the test.
 */
import { LoadError, UnsupportedError } from '@sonde/core';
import { requireFeature } from './feature.js';
import type { Witness } from './witness.js';

/** One way to attach: an alternative of the schema, and where it works. */
export interface Way {
  /** The alternative's name in the schema. */
  readonly name: string;
  /** First kernel in which it works: `5.15`. */
  readonly since: string;
  /** The same for arm64, where that differs; `never` where that architecture lacks it. */
  readonly arm64?: string;
}

/** The methods of a tap test that an attempt needs. */
export interface AttemptedTest {
  fail(message: string): unknown;
  pass(message: string, extra: { readonly skip: boolean }): unknown;
}

/**
 * Returns what `attach` resolves to. Where the kernel refuses it as unsupported or does not load a
 * program, the test is skipped on a kernel that is too old for the way, which `report` is told, and
 * fails on any other; the result is then undefined. Every other error is thrown on.
 */
export async function attachBy<T>(
  test: AttemptedTest,
  { name, since, arm64 }: Way,
  report: Pick<Witness, 'cannot'>,
  attach: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await attach();
  } catch (error) {
    if (!(error instanceof UnsupportedError) && !(error instanceof LoadError)) throw error;
    const verdict = {
      fail: (message: string) => test.fail(message),
      skip: (message: string) => {
        report.cannot(message);
        return test.pass(message, { skip: true });
      },
    };
    const feature = { name, since, available: false, evidence: error.message };
    requireFeature(verdict, feature, arm64 === undefined ? {} : { arm64 });
    return undefined;
  }
}
