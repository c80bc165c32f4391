/**
 * Attaches what was planned: for each point the first alternative that works. The fact that is easy
 * to get wrong: the maps that name a site are filled before its program is attached, because the
 * first hit may come before attaching returns.
 */
import { LoadError, UnsupportedError } from '../errors.js';
import { updateMap, type MapHandle } from '../libbpf/index.js';
import {
  attachKernel,
  attachUser,
  isUserKind,
  usesMultiLinks,
  type AttachContext,
  type LoadedProbe,
  type UserPlace,
} from '../loader/index.js';
import type { AttachIr } from '../schema/index.js';
import type { AttachLocation } from '../target/index.js';
import type { CostClass } from './calibration.js';
import { HeldLinks, type Attach } from './held-links.js';
import { failedAlternative, type Candidate, type PointPlan } from './plan.js';
import type { AttachedPoint, AttachedSite, FailedAlternative } from './session-types.js';

/** Site ids are below this: the last slot of `sonde_hits` counts hits of unknown sites. */
export const SITES_MAX = 255;

/** `sonde_site_points` holds the point below this bit, the part of the alternative above. */
const PART_SHIFT = 16;

/** A point and the links that hold it. */
export interface HeldPoint {
  readonly shown: AttachedPoint;
  readonly program: string;
  /** Points of one group are detached together: entry and return of one C function. */
  readonly group: string;
  /** Where many points share one link, they share this. */
  readonly links: HeldLinks;
}

function locationText(location: AttachLocation): string {
  const { symbol, instruction, module } = location;
  return `${symbol} at ${instruction} in ${module}`;
}

function costClass(attach: AttachIr, location: AttachLocation): CostClass {
  return attach.kind === 'cReturn' ? 'uretprobe' : location.costClass;
}

function sitesOf(candidate: Candidate, firstSite: number): AttachedSite[] {
  const { attach, locations } = candidate;
  if (!isUserKind(attach.kind)) {
    const symbol = 'symbol' in attach ? attach.symbol : attach.name;
    return [
      {
        siteId: firstSite,
        location: `${symbol} in the kernel`,
        address: 0n,
        fileOffset: 0,
        file: '',
        costClass: 'kernel',
        hits: 0,
      },
    ];
  }
  return locations.map((location, i) => ({
    siteId: firstSite + i,
    location: locationText(location),
    address: location.address,
    fileOffset: location.fileOffset,
    file: location.file,
    costClass: costClass(attach, location),
    hits: 0,
  }));
}

/** A point whose place is known, waiting for the link that it will share. */
interface Grouped {
  readonly plan: PointPlan;
  readonly attach: AttachIr;
  readonly sites: readonly AttachedSite[];
}

function placesOf(sites: readonly AttachedSite[]): UserPlace[] {
  return sites.map(({ file, fileOffset, siteId }) => ({ file, fileOffset, siteId }));
}

function groupOf(plan: PointPlan, attach: AttachIr): string {
  const paired = attach.kind === 'cFunction' || attach.kind === 'cReturn';
  return paired ? `${attach.symbol}()` : plan.point.name;
}

/** Gives up points that were attached; once it resolves, none of them sends records any more. */
export async function detach(points: readonly HeldPoint[]): Promise<void> {
  const links = new Set(points.map(point => point.links));
  await Promise.all([...links].map(each => each.close()));
}

/** Attaches the points of one probe. */
export class ProbeAttacher {
  readonly #loaded: LoadedProbe;
  readonly #context: AttachContext;
  readonly #sites: MapHandle | undefined;
  readonly #sitePoints: MapHandle | undefined;
  #nextSite = 0;

  constructor(loaded: LoadedProbe, context: AttachContext) {
    this.#loaded = loaded;
    this.#context = context;
    const { object } = loaded;
    this.#sites = object.hasMap('sonde_sites') ? object.map('sonde_sites') : undefined;
    this.#sitePoints = object.hasMap('sonde_site_points')
      ? object.map('sonde_site_points')
      : undefined;
  }

  /**
   * Attaches every point, in the order of the plans. Throws when a required one has no alternative
   * that works: the one reason there is, or an error with all of them. Nothing is attached then.
   * `between` is called after each step: what is attached already sends records.
   */
  async attachAll(plans: readonly PointPlan[], between: () => void): Promise<HeldPoint[]> {
    const held = new Map<PointPlan, HeldPoint>();
    try {
      if (usesMultiLinks(this.#context.features)) this.#attachTogether(plans, held, between);
      for (const plan of plans) {
        if (held.has(plan)) continue;
        held.set(plan, this.#attachFirst(plan));
        between();
      }
    } catch (error) {
      await detach([...held.values()]);
      throw error;
    }
    return plans.map(plan => held.get(plan) as HeldPoint);
  }

  /**
   * One link per program, file and kind for all points whose first choice is in user space. Where
   * that fails, the points are left to attachFirst, which finds out whose fault it was. Returns go
   * first: a return without its entry is harmless, an entry whose return is missed is not.
   */
  #attachTogether(
    plans: readonly PointPlan[],
    held: Map<PointPlan, HeldPoint>,
    between: () => void,
  ): void {
    const groups = new Map<string, Grouped[]>();
    for (const plan of plans) {
      const [candidate] = plan.candidates;
      if (candidate === undefined || candidate.isAlias === true) continue;
      const { attach, locations } = candidate;
      if (!isUserKind(attach.kind) || this.#loaded.refused.has(attach.program)) continue;
      if (this.#nextSite + locations.length > SITES_MAX) continue;
      const sites = this.#nameSites(plan, candidate);
      const order = attach.kind === 'cReturn' ? 0 : 1;
      const key = `${order} ${attach.program} ${sites[0]?.file}`;
      groups.set(key, [...(groups.get(key) ?? []), { plan, attach, sites }]);
    }
    for (const key of [...groups.keys()].sort()) {
      this.#attachGroup(groups.get(key) ?? [], held);
      between();
    }
  }

  #attachGroup(group: readonly Grouped[], held: Map<PointPlan, HeldPoint>): void {
    const [first] = group;
    if (first === undefined) return;
    const attachPlaces: Attach = places => attachUser(first.attach, places, this.#context);
    const members = new Map(group.map(({ plan, sites }) => [plan.point.name, placesOf(sites)]));
    let links: HeldLinks;
    try {
      links = new HeldLinks(attachPlaces([...members.values()].flat()), members, attachPlaces);
    } catch (error) {
      failedAlternative(first.attach, error); // rethrows what is no failure to attach
      return;
    }
    for (const { plan, attach, sites } of group) {
      const shown = attachedPoint(plan, attach, sites, plan.failures);
      const { program } = attach;
      held.set(plan, { shown, program, group: groupOf(plan, attach), links });
    }
  }

  #attachFirst(plan: PointPlan): HeldPoint {
    const failures: FailedAlternative[] = [...plan.failures];
    for (const candidate of plan.candidates) {
      const { attach } = candidate;
      try {
        const [sites, links] = this.#attachCandidate(plan, candidate);
        const shown = attachedPoint(plan, attach, sites, failures);
        return { shown, program: attach.program, group: groupOf(plan, attach), links };
      } catch (error) {
        failures.push(failedAlternative(attach, error));
      }
    }
    if (plan.point.need === 'required') throw pointError(plan, failures);
    const shown = missingPoint(plan, failures);
    return { shown, program: '', group: plan.point.name, links: HeldLinks.single([]) };
  }

  #attachCandidate(plan: PointPlan, candidate: Candidate): [AttachedSite[], HeldLinks] {
    const { attach } = candidate;
    const refused = this.#loaded.refused.get(attach.program);
    if (refused !== undefined) throw refused;
    if (candidate.isAlias === true) return [[], HeldLinks.single([])];
    const sites = this.#nameSites(plan, candidate);
    const [first] = sites;
    if (first === undefined || isUserKind(attach.kind)) {
      return [sites, HeldLinks.single(attachUser(attach, placesOf(sites), this.#context))];
    }
    return [sites, HeldLinks.single([attachKernel(attach, first.siteId, this.#context)])];
  }

  /** Gives ids to a candidate's places and tells the probe's maps. */
  #nameSites(plan: PointPlan, candidate: Candidate): AttachedSite[] {
    const sites = sitesOf(candidate, this.#nextSite);
    if (this.#nextSite + sites.length > SITES_MAX) {
      const { name, program } = candidate.attach;
      const left = SITES_MAX - this.#nextSite;
      throw new LoadError(`attach ${name}: ${sites.length} places, but only ${left} site ids`, {
        program,
      });
    }
    this.#nextSite += sites.length;
    for (const [i, site] of sites.entries()) {
      this.#nameSite(site, plan.index, candidate.locations[i]?.part ?? 0);
    }
    return sites;
  }

  /**
   * `sonde_sites` is keyed by the probed address, or by the point's index where a program cannot
   * see that address: in the kernel, and at a return, whose instruction pointer is the caller's.
   */
  #nameSite(site: AttachedSite, pointIndex: number, part: number): void {
    const id = new Uint32Array([site.siteId]);
    if (this.#sitePoints !== undefined) {
      updateMap(this.#sitePoints, id, new Uint32Array([pointIndex | (part << PART_SHIFT)]));
    }
    if (this.#sites !== undefined) {
      const byPoint = site.costClass === 'kernel' || site.costClass === 'uretprobe';
      const key = byPoint ? BigInt(pointIndex) : site.address;
      updateMap(this.#sites, new BigUint64Array([key]), id);
    }
  }
}

function attachedPoint(
  plan: PointPlan,
  attach: AttachIr,
  sites: readonly AttachedSite[],
  failures: readonly FailedAlternative[],
): AttachedPoint {
  return {
    point: plan.point.name,
    need: plan.point.need,
    alternative: attach.name,
    kind: attach.kind,
    ...(attach.limits === undefined ? {} : { limits: attach.limits }),
    attached: true,
    failures,
    sites,
  };
}

function missingPoint(plan: PointPlan, failures: readonly FailedAlternative[]): AttachedPoint {
  return {
    point: plan.point.name,
    need: plan.point.need,
    alternative: '',
    kind: '',
    attached: false,
    error: failures.map(failure => failure.reason).join('; '),
    failures,
    sites: [],
  };
}

function pointError(plan: PointPlan, failures: readonly FailedAlternative[]): Error {
  const [only] = failures;
  if (only !== undefined && failures.length === 1) return only.error;
  const reasons = failures.map(({ alternative, reason }) => `${alternative}: ${reason}`);
  const message = `attach point ${plan.point.name}: no alternative works: ${reasons.join('; ')}`;
  const loadErrors = failures.map(failure => failure.error).filter(e => e instanceof LoadError);
  const hint = failures.map(failure => hintOf(failure.error)).find(text => text !== undefined);
  const options = { cause: only?.error, ...(hint === undefined ? {} : { hint }) };
  const [refused] = loadErrors;
  if (refused !== undefined) return new LoadError(message, refused, options);
  return new UnsupportedError(message, { feature: plan.point.name, since: '' }, options);
}

function hintOf(error: Error): string | undefined {
  return 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined;
}
