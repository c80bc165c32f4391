/**
 * What one run of a probe's kernel tests in one cell has shown, folded from the evidence among its
 * TAP output. It lies as `out/cells/CELL.json` in the probe's folder, beside the logs it names.
 *
 * The fact readers get wrong: an alternative that does not work is red only where something was
 * expected of it: its program was refused by the verifier, a test that should have seen events by
 * it has not, or nothing else serves a point that the probe cannot do without.
 */
import type {
  AttachEvidence,
  Evidence,
  ObjectEvidence,
  ProgramEvidence,
  SeenEvidence,
} from '../kit/evidence.js';

/**
 * `seen`: a test compared exact events. `attached`: it attaches, and no test compared events by
 * it. `absent`: this kernel, architecture or release does not have it, and need not. `failed`: red.
 */
export type State = 'seen' | 'attached' | 'absent' | 'failed';

/** Where a failure happened: the further, the more has worked. */
export type Stage = 'compile' | 'load' | 'attach' | 'event';

/** One program of the object. */
export interface ProgramResult {
  readonly name: string;
  readonly compiled: boolean;
  readonly loaded: boolean;
  /** Of the mode that took most. */
  readonly mode?: string;
  readonly instructions?: number;
  readonly totalStates?: number;
  readonly peakStates?: number;
  readonly reason?: string;
  /** The whole log, from the folder of this file. */
  readonly log?: string;
}

/** One way to attach one point. */
export interface AlternativeResult {
  readonly point: string;
  readonly need: 'required' | 'optional';
  readonly name: string;
  readonly kind: string;
  readonly program: string;
  readonly state: State;
  readonly stage?: Stage;
  /** Tests that compared events by it, and how many events. */
  readonly tests: number;
  readonly compared: number;
  readonly reason?: string;
  readonly log?: string;
}

/** One Go release's programs, in one build. */
export interface ReleaseResult {
  readonly goRelease: string;
  readonly build: string;
  readonly state: State;
  readonly compared: number;
  /** `point: alternative` of what was compared. */
  readonly by: readonly string[];
  readonly reason?: string;
}

/** Thresholds of the probe's schema. */
export type Budget = NonNullable<ObjectEvidence['budget']>;

/** One probe in one cell. */
export interface CellResult {
  readonly format: 'sonde.cell/1';
  readonly probe: string;
  readonly cell: string;
  /** As `uname -r` prints it; empty when the guest never started. */
  readonly kernel: string;
  /** When it ran: an ISO date. */
  readonly date: string;
  /** Digest of what was tested; see {@link inputsDigest}. */
  readonly inputs: string;
  /** The compiler of the object, such as `clang 14`. */
  readonly compiler: string;
  readonly ok: boolean;
  /** Why the suite failed, where it did. */
  readonly reasons: readonly string[];
  readonly budget?: Budget;
  readonly programs: readonly ProgramResult[];
  readonly alternatives: readonly AlternativeResult[];
  readonly releases: readonly ReleaseResult[];
}

/** What is known of a run besides its evidence. */
export type RunFacts = Pick<
  CellResult,
  'cell' | 'kernel' | 'date' | 'inputs' | 'compiler' | 'ok' | 'reasons'
>;

function ofKind<K extends Evidence['kind']>(
  all: readonly Evidence[],
  kind: K,
): Extract<Evidence, { kind: K }>[] {
  return all.filter((each): each is Extract<Evidence, { kind: K }> => each.kind === kind);
}

function logOf(cell: string, log: string | undefined): { log?: string } {
  return log === undefined ? {} : { log: `${cell}/${log.split('/').at(-1)}` };
}

/** A program by the mode that took the verifier most, or that it refused. */
function foldProgram(cell: string, all: readonly ProgramEvidence[]): ProgramResult {
  const refused = all.find(each => !each.loaded);
  const most = [...all].sort((a, b) => (b.instructions ?? 0) - (a.instructions ?? 0))[0];
  const { program, compiled, mode, reason, log } = (refused ?? most) as ProgramEvidence;
  const { instructions, totalStates, peakStates } = refused ?? most ?? {};
  return {
    name: program,
    compiled,
    loaded: refused === undefined,
    mode,
    ...(instructions !== undefined && { instructions }),
    ...(totalStates !== undefined && { totalStates }),
    ...(peakStates !== undefined && { peakStates }),
    ...(reason !== undefined && { reason }),
    ...logOf(cell, log),
  };
}

/** What the tests said of one alternative. */
function testsOf(seen: readonly SeenEvidence[], point: string, alternative: string) {
  const own = seen.filter(each =>
    each.points.some(p => p.point === point && p.alternative === alternative),
  );
  return {
    good: own.filter(each => each.seen),
    bad: own.filter(each => !each.seen && each.earned !== true),
    earned: own.find(each => each.earned === true),
  };
}

function foldAlternative(
  attempts: readonly AttachEvidence[],
  programs: readonly ProgramResult[],
  seen: readonly SeenEvidence[],
): AlternativeResult {
  const [first] = attempts as [AttachEvidence];
  const { point, need, alternative: name, attachKind: kind, program } = first;
  const own = programs.find(each => each.name === program);
  const { good, bad, earned } = testsOf(seen, point, name);
  const attached = good.length > 0 || attempts.some(each => each.attached);
  const about = { point, need, name, kind, program };
  const compared = good.reduce((sum, each) => sum + each.compared, 0);
  const tests = { tests: good.length, compared };
  // A test that says since which kernel it works has earned its skip, whatever refused the program.
  const isEarned = own?.compiled === true && earned !== undefined && bad.length === 0;
  if (own !== undefined && !own.loaded && isEarned) {
    return { ...about, state: 'absent', ...tests, reason: own.reason ?? earned.reason ?? '' };
  }
  if (own !== undefined && !own.loaded) {
    const { reason = '', log } = own;
    const stage = own.compiled ? 'load' : 'compile';
    const where = log === undefined ? {} : { log };
    return { ...about, state: 'failed', stage, ...tests, reason, ...where };
  }
  if (bad[0] !== undefined) {
    const reason = `${bad[0].test}: ${bad[0].reason ?? ''}`;
    return { ...about, state: 'failed', stage: attached ? 'event' : 'attach', ...tests, reason };
  }
  if (good.length > 0) return { ...about, state: 'seen', ...tests };
  if (attached) return { ...about, state: 'attached', ...tests };
  const reason = attempts.find(each => !each.attached)?.reason ?? earned?.reason ?? '';
  return { ...about, state: 'absent', ...tests, reason };
}

/** A point that the probe cannot do without, and that nothing serves, is red in all its ways. */
function judgePoints(all: readonly AlternativeResult[]): AlternativeResult[] {
  return all.map(each => {
    if (each.state !== 'absent' || each.need === 'optional') return each;
    const others = all.filter(other => other.point === each.point);
    const served = others.some(other => other.state === 'seen' || other.state === 'attached');
    return served ? each : { ...each, state: 'failed', stage: 'attach' };
  });
}

function grouped<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return [...groups.values()];
}

function foldRelease(all: readonly SeenEvidence[]): ReleaseResult {
  const { goRelease = '', build = '' } = all[0] ?? {};
  const bad = all.find(each => !each.seen && each.earned !== true);
  const good = all.filter(each => each.seen);
  const by = good.flatMap(each => each.points.map(p => `${p.point}: ${p.alternative}`));
  const state = bad !== undefined ? 'failed' : good.length > 0 ? 'seen' : 'absent';
  const reason = bad?.reason ?? (state === 'absent' ? all[0]?.reason : undefined);
  return {
    goRelease,
    build,
    state,
    compared: good.reduce((sum, each) => sum + each.compared, 0),
    by: [...new Set(by)],
    ...(reason !== undefined && { reason }),
  };
}

/** Folds the evidence of one suite. Undefined when there is none: it is no probe's suite. */
export function foldCell(facts: RunFacts, evidence: readonly Evidence[]): CellResult | undefined {
  const object = ofKind(evidence, 'object')[0];
  const probe = evidence[0]?.probe;
  if (probe === undefined) return undefined;
  const programs = grouped(ofKind(evidence, 'program'), each => each.program).map(all =>
    foldProgram(facts.cell, all),
  );
  const seen = ofKind(evidence, 'seen');
  const alternatives = grouped(
    ofKind(evidence, 'attach'),
    each => `${each.point} ${each.alternative}`,
  ).map(all => foldAlternative(all, programs, seen));
  const ofReleases = seen.filter(each => each.goRelease !== undefined);
  const releases = grouped(ofReleases, each => `${each.goRelease} ${each.build ?? ''}`);
  const broken = object?.compiled === false ? [`its object: ${object.reason ?? ''}`] : [];
  return {
    format: 'sonde.cell/1',
    probe,
    ...facts,
    reasons: [...facts.reasons, ...broken],
    ...(object?.budget !== undefined && { budget: object.budget }),
    programs,
    alternatives: judgePoints(alternatives),
    releases: releases.map(foldRelease),
  };
}
