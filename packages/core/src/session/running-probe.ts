/**
 * One probe of a running session: its loaded object, what is attached, its counters. The fact that
 * is easy to get wrong: counters belong to the object and stay readable after everything was
 * detached, until the object is closed.
 */
import { UsageError } from '../errors.js';
import {
  closeFd,
  createMap,
  programStatistics,
  readCounters,
  readMapRows,
  type BpfObject,
  type MapHandle,
  type MapRows,
} from '../libbpf/index.js';
import { snakeCase } from '../loader/index.js';
import { SONDE_LOSS, type ProbeIr } from '../schema/index.js';
import type { HeldPoint } from './attach-probe.js';
import type { Calibration } from './calibration.js';
import type { PointCost } from './brake.js';
import type { AttachedPoint, AttachedProbe, LossCounts } from './session-types.js';

/** Maps that the objects of a session share, created once from the first object's definition. */
export class SharedMaps {
  readonly #maps = new Map<string, MapHandle>();

  /** Creates those of `names` that the object declares and the session does not have yet. */
  adopt(object: BpfObject, sizes: Readonly<Record<string, number | undefined>>): void {
    for (const name of Object.keys(sizes)) {
      if (this.#maps.has(name) || !object.hasMap(name)) continue;
      const shape = object.map(name);
      this.#maps.set(name, createMap({ ...shape, maxEntries: sizes[name] ?? shape.maxEntries }));
    }
  }

  /** Whether none of `names` is left to create. */
  hasAll(names: readonly string[]): boolean {
    return names.every(name => this.#maps.has(name));
  }

  /** All of them, for the loader. */
  get all(): ReadonlyMap<string, MapHandle> {
    return this.#maps;
  }

  /** One of them, if any object had it. */
  get(name: string): MapHandle | undefined {
    return this.#maps.get(name);
  }

  /** Lets go of them; the kernel frees them with the last object. */
  close(): void {
    for (const map of this.#maps.values()) closeFd(map.fd);
    this.#maps.clear();
  }
}

interface RunTime {
  readonly program: string;
  readonly fd: number;
  meanNs: number;
}

function hitsOf(point: AttachedPoint): number {
  return point.sites.reduce((sum, site) => sum + site.hits, 0);
}

/** A probe that was loaded and attached. */
export class RunningProbe {
  readonly ir: ProbeIr;
  readonly object: BpfObject;
  readonly shown: AttachedProbe;
  readonly held: readonly HeldPoint[];
  readonly #runTimes: readonly RunTime[];
  readonly #hits: MapHandle | undefined;
  readonly #losses: MapHandle | undefined;
  #missed = 0;
  #unpairedAtStart = 0;
  #lossValues: Float64Array = new Float64Array(0);
  /** Hits per point at the last look of the brake. */
  readonly #judged = new Map<string, number>();

  constructor(ir: ProbeIr, object: BpfObject, shown: AttachedProbe, held: readonly HeldPoint[]) {
    this.ir = ir;
    this.object = object;
    this.shown = shown;
    this.held = held;
    const programs = new Set(held.map(point => point.program).filter(name => name !== ''));
    this.#runTimes = [...programs].map(program => ({
      program,
      fd: object.programFd(program),
      meanNs: 0,
    }));
    this.#hits = object.hasMap('sonde_hits') ? object.map('sonde_hits') : undefined;
    this.#losses = object.hasMap('sonde_losses') ? object.map('sonde_losses') : undefined;
  }

  /** Reads hits, losses and what the kernel knows of the programs. */
  refresh(): void {
    if (this.#hits !== undefined) {
      const hits = readCounters(this.#hits);
      for (const point of this.shown.points) {
        for (const site of point.sites) site.hits = hits[site.siteId] ?? 0;
      }
    }
    if (this.#losses !== undefined) this.#lossValues = readCounters(this.#losses);
    this.#missed = 0;
    for (const runTime of this.#runTimes) {
      const statistics = programStatistics(runTime.fd);
      this.#missed += Number(statistics.recursionMisses);
      if (statistics.runCount > 0n) {
        runTime.meanNs = Number(statistics.runTimeNs) / Number(statistics.runCount);
      }
    }
  }

  /**
   * Everything is attached. Returns that came before their entry was are none of the losses, as
   * their calls began before the session did; and what ran meanwhile is not for the brake.
   */
  begin(): void {
    this.refresh();
    this.#unpairedAtStart = this.losses(0).unpaired;
    for (const { shown } of this.held) this.#judged.set(shown.point, hitsOf(shown));
  }

  /** Losses as of the last refresh, with the records that the session could not read. */
  losses(malformed: number): LossCounts {
    const value = (name: string): number => {
      const slot = SONDE_LOSS.values.find(each => each.name === name)?.value ?? -1;
      return this.#lossValues[slot] ?? 0;
    };
    return {
      ringFull: value('ringFull'),
      mapFull: value('mapFull'),
      stackLost: value('stackLost'),
      unpaired: value('unpaired') - this.#unpairedAtStart,
      probeMissed: value('probeMissed') + this.#missed,
      readFailed: value('readFailed'),
      malformed,
    };
  }

  /** Whether the kernel has timed every program at least once. */
  get timed(): boolean {
    return this.#runTimes.every(runTime => runTime.meanNs > 0);
  }

  #costOf(held: HeldPoint, hits: (siteHits: number) => number, calibration: Calibration): number {
    const runTime = this.#runTimes.find(each => each.program === held.program)?.meanNs ?? 0;
    return held.shown.sites.reduce((sum, site) => {
      return sum + hits(site.hits) * (calibration.perHitNs[site.costClass] + runTime);
    }, 0);
  }

  /** Cost of every point since the session began, as of the last refresh. */
  totalCost(calibration: Calibration): { hits: number; cpuNs: number } {
    let hits = 0;
    let cpuNs = 0;
    for (const held of this.held) {
      hits += hitsOf(held.shown);
      cpuNs += this.#costOf(held, count => count, calibration);
    }
    return { hits, cpuNs };
  }

  /** Cost of every attached point since the last call, as of the last refresh. */
  recentCosts(calibration: Calibration): PointCost[] {
    return this.held
      .filter(held => held.shown.attached)
      .map(held => {
        const total = hitsOf(held.shown);
        const hits = total - (this.#judged.get(held.shown.point) ?? 0);
        this.#judged.set(held.shown.point, total);
        const whole = this.#costOf(held, count => count, calibration);
        const costNs = total === 0 ? 0 : (whole * hits) / total;
        const last = this.ir.attach.find(each => each.name === held.shown.point)?.brake === 'last';
        return { probe: this.shown.name, group: held.group, hits, costNs, last };
      });
  }

  /** Rows of one of the schema's maps. Throws UsageError for a name that it does not have. */
  rows(map: string): MapRows {
    const name = snakeCase(map);
    const known = this.ir.maps.some(each => each.name === map || each.name === name);
    if (!known || !this.object.hasMap(name)) {
      throw new UsageError(`read map ${map} of probe ${this.ir.name}: it has no such map`);
    }
    return readMapRows(this.object.map(name));
  }

  /** Attached points that the brake gives up together. */
  pointsOf(group: string): readonly HeldPoint[] {
    return this.held.filter(each => each.group === group && each.shown.attached);
  }

  /**
   * Gives up points for good: `attached` is false from now on. Others that shared a link with them
   * and could not be attached again are given up too, with that reason.
   */
  async giveUp(points: readonly HeldPoint[], atNs: bigint, reason: string): Promise<void> {
    const names = new Set(points.map(each => each.shown.point));
    for (const { shown } of points) markDetached(shown, atNs, reason);
    const links = [...new Set(points.map(each => each.links))];
    for (const each of links) each.withdraw(names);
    await Promise.all(links.map(each => each.close()));
    // Last declared first: returns come after their entries in a schema, and are attached before.
    for (const each of links.reverse()) {
      const { lost, reason: why } = each.restore();
      for (const { shown } of this.held) {
        if (lost.includes(shown.point)) markDetached(shown, atNs, `not attached again: ${why}`);
      }
    }
  }

  /** Detaches everything at the end; `attached` keeps saying what was attached until then. */
  async detachAll(): Promise<void> {
    const all = new Set(this.held.map(each => each.links));
    await Promise.all([...all].map(links => links.close()));
  }
}

function markDetached(point: AttachedPoint, atNs: bigint, reason: string): void {
  point.attached = false;
  point.detachedAtNs = atNs;
  point.detachReason = reason;
}
