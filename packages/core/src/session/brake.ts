/**
 * Decides when tracing costs too much, and which attach point to give up. The fact that is easy to
 * get wrong: sampling inside BPF saves nothing, because the trap is the cost; only detaching helps.
 */

/** What one attach point cost in the last interval. */
export interface PointCost {
  readonly probe: string;
  /** Points that make sense only together: entry and return of a function are paired up. */
  readonly group: string;
  readonly hits: number;
  readonly costNs: number;
  /** Given up only once no other point of its probe costs anything. */
  readonly last?: boolean;
}

/** What to detach, and why, in words for the report. */
export interface BrakeDecision {
  readonly probe: string;
  readonly group: string;
  readonly reason: string;
}

/** Shortest interval that is judged: below it a burst would look like a rate. */
export const BRAKE_INTERVAL_NS = 900_000_000;

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function sumByGroup(costs: readonly PointCost[]): PointCost[] {
  const groups = new Map<string, PointCost>();
  for (const cost of costs) {
    const key = `${cost.probe}/${cost.group}`;
    const before = groups.get(key);
    groups.set(key, {
      ...cost,
      hits: cost.hits + (before?.hits ?? 0),
      costNs: cost.costNs + (before?.costNs ?? 0),
    });
  }
  return [...groups.values()];
}

/**
 * Judges one interval of `elapsedNs`: when all points together took more than `maxShare` of one
 * CPU, the dearest group is to be detached, one marked `last` after all others of its probe.
 * Returns undefined when all is well or the interval is short.
 */
export function judge(
  costs: readonly PointCost[],
  elapsedNs: number,
  maxShare: number,
): BrakeDecision | undefined {
  if (elapsedNs < BRAKE_INTERVAL_NS) return undefined;
  const share = costs.reduce((sum, each) => sum + each.costNs, 0) / elapsedNs;
  if (share <= maxShare) return undefined;
  const dear = sumByGroup(costs)
    .filter(each => each.costNs > 0)
    .sort((a, b) => b.costNs - a.costNs);
  const [dearest] = dear;
  const births = dear.find(each => each.probe === dearest?.probe && each.last !== true);
  const hottest = dearest?.last === true ? (births ?? dearest) : dearest;
  if (hottest === undefined) return undefined;
  const { probe, group, hits } = hottest;
  const perSecond = Math.round((hits * 1e9) / elapsedNs);
  const reason =
    `tracing took ${percent(share)} of one CPU, more than ${percent(maxShare)}; ` +
    `${group} was hit ${perSecond} times in a second`;
  return { probe, group, reason };
}
