/**
 * Which alternatives of each attach point could work, before anything is loaded. The fact that is
 * easy to get wrong: a user's choice (`attach`, `attachAny`) narrows the list, it never adds; and
 * an alternative that cannot work is kept with its reason, for the report.
 */
import { LoadError, UnsupportedError, UsageError } from '../errors.js';
import { isUserKind, requireFeature, type Features } from '../loader/index.js';
import type { AttachIr, AttachPointIr, ProbeIr } from '../schema/index.js';
import type { AttachLocation } from '../target/index.js';
import type { FailedAlternative, ProbeRequest, SessionTarget } from './session-types.js';

/** An alternative that may work: its places in the target, none for one in the kernel. */
export interface Candidate {
  readonly attach: AttachIr;
  readonly locations: readonly AttachLocation[];
  /** All its places are probed by the same program already: a second name of the same function. */
  readonly isAlias?: true;
}

/** An attach point with what is left of its alternatives. */
export interface PointPlan {
  readonly point: AttachPointIr;
  /** Position in the schema, which `sonde_site_points` holds. */
  readonly index: number;
  readonly candidates: readonly Candidate[];
  readonly failures: readonly FailedAlternative[];
}

/** Turns what an alternative threw into a line of the report. Errors of our own are rethrown. */
export function failedAlternative(attach: AttachIr, error: unknown): FailedAlternative {
  const known =
    error instanceof LoadError || error instanceof UnsupportedError || error instanceof UsageError;
  if (!known) throw error;
  return { alternative: attach.name, reason: error.message, error };
}

function chosen(point: AttachPointIr, request: ProbeRequest): readonly AttachIr[] {
  const name = request.attach?.[point.name];
  if (name !== undefined) {
    const found = point.oneOf.filter(each => each.name === name);
    if (found.length > 0) return found;
    const names = point.oneOf.map(each => each.name).join(', ');
    throw new UsageError(`attach ${point.name} by ${name}: it has only ${names}`);
  }
  const wanted = request.attachAny ?? [];
  const any = point.oneOf.filter(each => wanted.includes(each.name));
  return any.length > 0 ? any : point.oneOf;
}

function checkNames(ir: ProbeIr, request: ProbeRequest): void {
  const points = ir.attach.map(point => point.name);
  for (const name of [...Object.keys(request.attach ?? {}), ...(request.skipPoints ?? [])]) {
    if (points.includes(name)) continue;
    throw new UsageError(
      `choose attach point ${name} of probe ${ir.name}: it has only ${points.join(', ')}`,
    );
  }
}

/** A point that a parameter switches on is left out while that parameter is 0. */
function isWanted(point: AttachPointIr, request: ProbeRequest): boolean {
  if (request.skipPoints?.includes(point.name) === true) return false;
  if (point.when === undefined) return true;
  const { param } = point.when;
  const { params } = request.module.ir;
  const fallback = params.find(each => each.name === param)?.default ?? 0;
  return (request.params?.[param] ?? fallback) !== 0;
}

/** One place per file offset: a function that is found twice would be counted twice. */
function uniquePlaces(locations: readonly AttachLocation[]): AttachLocation[] {
  const places = new Map<string, AttachLocation>();
  for (const location of locations) {
    const key = `${location.file}+${location.fileOffset}`;
    if (!places.has(key)) places.set(key, location);
  }
  return [...places.values()];
}

function findCandidate(attach: AttachIr, target: SessionTarget, features: Features): Candidate {
  requireFeature(attach, features);
  if (!isUserKind(attach.kind)) return { attach, locations: [] };
  const locations = uniquePlaces(target.resolve(attach));
  if (locations.length === 0) {
    const about = { feature: attach.name, since: '' };
    throw new UnsupportedError(`attach ${attach.name}: the target has no such place`, about);
  }
  return { attach, locations };
}

/**
 * Leaves out places that an earlier point has: in glibc 2.36, memalign and aligned_alloc are one
 * address, and two probes there would report every call twice.
 */
function withoutTaken(candidate: Candidate, taken: Set<string>): Candidate {
  const { attach, locations } = candidate;
  const key = (place: AttachLocation): string =>
    `${attach.program} ${place.file}+${place.fileOffset}`;
  const left = locations.filter(place => !taken.has(key(place)));
  for (const place of left) taken.add(key(place));
  if (left.length > 0 || locations.length === 0) return { attach, locations: left };
  return { attach, locations: left, isAlias: true };
}

/**
 * Plans every attach point of a probe that is neither skipped nor switched off. Throws UsageError
 * for names that the probe does not have; whether a required point is left without candidates
 * shows at attach.
 */
export function planProbe(
  request: ProbeRequest,
  target: SessionTarget,
  features: Features,
): PointPlan[] {
  const { ir } = request.module;
  checkNames(ir, request);
  const plans: PointPlan[] = [];
  const taken = new Set<string>();
  ir.attach.forEach((point, index) => {
    if (!isWanted(point, request)) return;
    const candidates: Candidate[] = [];
    const failures: FailedAlternative[] = [];
    for (const attach of chosen(point, request)) {
      try {
        const found = findCandidate(attach, target, features);
        // Only the first one is attached as a rule; the others are there in case it is refused.
        candidates.push(candidates.length === 0 ? withoutTaken(found, taken) : found);
      } catch (error) {
        failures.push(failedAlternative(attach, error));
      }
    }
    plans.push({ point, index, candidates, failures });
  });
  return plans;
}

/**
 * The same points, each with its first alternative alone: that one is attached as a rule, and the
 * verifier's time for the others is most of what a session's start takes.
 */
export function firstChoices(plans: readonly PointPlan[]): PointPlan[] {
  return plans.map(plan => ({ ...plan, candidates: plan.candidates.slice(0, 1) }));
}

/** Programs that may be attached; those of alternatives that cannot work are never loaded. */
export function plannedPrograms(plans: readonly PointPlan[]): Set<string> {
  return new Set(plans.flatMap(plan => plan.candidates.map(each => each.attach.program)));
}

/** Programs of user-space alternatives, which need another attach type for uprobe_multi. */
export function userPrograms(plans: readonly PointPlan[]): Set<string> {
  const all = plans.flatMap(plan => plan.candidates.map(candidate => candidate.attach));
  return new Set(all.filter(attach => isUserKind(attach.kind)).map(attach => attach.program));
}
