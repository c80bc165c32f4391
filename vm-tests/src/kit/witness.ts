/**
 * A test that vouches for what it saw: which attach points, by which alternatives, in a program of
 * which Go release. The compatibility report says "exact event seen" for these, and for no others.
 *
 * The fact readers get wrong: the witness speaks when its test is over. A test that compares events
 * and fails later, or never gets that far, has seen nothing, and its first failure is the reason.
 */
import { reportCompared } from './compared.js';
import { oneLine, writeEvidence, type SeenEvidence } from './evidence.js';

/** What a witness needs of a tap test. */
export interface WitnessedTest {
  readonly name: string;
  readonly lists: { readonly fail: readonly { readonly name: string }[] };
  passing(): boolean;
  teardown(handler: () => unknown): unknown;
}

/** What a witness needs of a session: its probes, and fresh counts of their hits. */
export interface WitnessedSession {
  readonly probes: readonly {
    readonly name: string;
    readonly points: readonly {
      readonly point: string;
      readonly alternative: string;
      readonly attached: boolean;
      readonly sites: readonly { readonly hits: number }[];
    }[];
  }[];
  refresh(): void;
}

/** What a test is about to show. */
export interface WitnessOptions {
  /** The probe's name, as its schema has it. */
  readonly probe: string;
  /** Attach points whose events the test compares. */
  readonly points: readonly string[];
  /** The alternative that the test asks for, where it asks for one: by point. */
  readonly attach?: Readonly<Record<string, string>>;
  readonly goRelease?: string;
  readonly build?: string;
}

/** Collects what one test has seen. */
export interface Witness {
  /**
   * Says that `count` events were compared, by the points of this witness or by those given here.
   * Throws when one of these points was never attached, or never hit: it cannot have been seen.
   */
  saw(session: WitnessedSession, count: number, points?: readonly string[]): void;
  /** Says that this kernel or architecture cannot show it, which is no failure. */
  cannot(reason: string): void;
}

function alternativesOf(
  session: WitnessedSession,
  options: Pick<WitnessOptions, 'probe' | 'points'>,
): SeenEvidence['points'] {
  session.refresh();
  const probe = session.probes.find(each => each.name === options.probe);
  return options.points.map(name => {
    const point = probe?.points.find(each => each.point === name);
    const hits = (point?.sites ?? []).reduce((sum, site) => sum + site.hits, 0);
    if (point === undefined || !point.attached || hits === 0) {
      const what = point === undefined || !point.attached ? 'is not attached' : 'was never hit';
      throw new Error(`witness ${options.probe}/${name}: the point ${what}`);
    }
    return { point: name, alternative: point.alternative };
  });
}

/**
 * Registers a witness for a test. Call it first, so that a test which cannot even attach is
 * reported as one that has seen nothing.
 */
export function witness(test: WitnessedTest, options: WitnessOptions): Witness {
  const { probe, attach = {}, goRelease, build } = options;
  const expected = options.points.map(point => ({ point, alternative: attach[point] ?? '' }));
  let points: SeenEvidence['points'] = [];
  let compared = 0;
  let earned: string | undefined;
  test.teardown(() => {
    const seen = compared > 0 && test.passing();
    const failed = test.lists.fail[0]?.name ?? 'the test ended before it compared an event';
    const reason = earned ?? (seen ? undefined : failed);
    writeEvidence({
      kind: 'seen',
      probe,
      test: test.name,
      ...(goRelease !== undefined && { goRelease }),
      ...(build !== undefined && { build }),
      points: points.length > 0 ? points : expected,
      compared,
      seen,
      ...(earned !== undefined && { earned: true }),
      ...(reason !== undefined && { reason: oneLine(reason) }),
    });
  });
  return {
    saw(session, count, compare = options.points) {
      points = [...points, ...alternativesOf(session, { probe, points: compare })];
      reportCompared(count);
      compared += count;
    },
    cannot(reason) {
      earned = reason;
    },
  };
}
