/** What the probes saw and by which way, what tracing cost, what was lost, what is not known. */
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatShare,
  type LossCounts,
} from '@sonde/memory';
import type { Report, ReportPoint, ReportProbe, ReportUnwinding } from './report.js';
import type { Screen } from './screen.js';

const LABEL = 14;

/** Draws one paragraph per probe: hits, attach alternatives, and what those cannot see. */
export function drawProbes(screen: Screen, probes: readonly ReportProbe[]): void {
  screen.heading('PROBES');
  for (const probe of probes) {
    const label = `  ${probe.name}`;
    if (probe.error !== null) {
      screen.labelled(label, `not attached: ${probe.error}`, LABEL, screen.paint.yellow);
      continue;
    }
    screen.labelled(label, `${formatCount(probe.hits)} hits; ${wayWords(probe)}`, LABEL);
    for (const note of notesOf(probe)) screen.labelled('', note, LABEL, screen.paint.dim);
  }
}

/**
 * `malloc, free by uprobe at entry (emulated)`: points that are seen in one way share the words.
 */
function wayWords(probe: ReportProbe): string {
  const ways = new Map<string, ReportPoint[]>();
  for (const point of probe.points) {
    if (!point.attached) continue;
    const way = wayOf(point);
    ways.set(way, [...(ways.get(way) ?? []), point]);
  }
  if (ways.size === 0) return 'nothing is attached';
  return [...ways]
    .map(([way, points]) => `${nameList(points)} by ${way}${costClasses(points)}`)
    .join('; ');
}

const WAYS: Readonly<Record<string, string>> = {
  cFunction: 'uprobe at entry',
  cReturn: 'uprobe at return',
  goEntry: 'uprobe at entry',
  goReturn: 'uprobe at RET',
  goCall: 'uprobe at the call',
  rawTracepoint: 'raw tracepoint',
  btfTracepoint: 'tracepoint by BTF',
  perfSoftware: 'perf event',
};

/** The kind in words, and the alternative's name where it says more than the point's. */
function wayOf(point: ReportPoint): string {
  const kind = WAYS[point.kind ?? ''] ?? point.kind ?? 'an unnamed way';
  const said = point.kind === 'cFunction' || point.kind === 'cReturn';
  const name = point.alternative ?? '';
  return said || name === '' || name === point.kind || name.replaceAll('-', ' ') === kind
    ? kind
    : `${name}, ${kind}`;
}

function costClasses(points: readonly ReportPoint[]): string {
  const classes = points.flatMap(point => point.sites.map(site => site.costClass));
  const told = [...new Set(classes)].filter(name => name !== 'kernel');
  return told.length === 0 ? '' : ` (${told.join(', ')})`;
}

/** The points that were hit most, by name. */
function nameList(points: readonly ReportPoint[]): string {
  const names = [...points].sort((a, b) => b.hits - a.hits).map(point => point.point);
  if (names.length <= 4) return names.join(', ');
  return `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}

function notesOf(probe: ReportProbe): string[] {
  const limits = new Set(probe.points.flatMap(it => (it.attached && it.limits ? [it.limits] : [])));
  const missing = probe.points.filter(it => !it.attached && it.detachedAtSeconds === null);
  const detached = probe.points.filter(it => it.detachedAtSeconds !== null);
  return [
    ...[...limits].map(limit => `limits: ${limit}`),
    ...missing.map(it => `not attached: ${it.point}${it.error === null ? '' : ` (${it.error})`}`),
    ...(detached.length === 0
      ? []
      : [
          'taken off: ' +
            detached
              .map(it => `${it.point} after ${formatDuration(it.detachedAtSeconds! * 1e9)}`)
              .join(', '),
        ]),
  ];
}

/** Draws what tracing cost the target, and what the brake did. */
export function drawCost(screen: Screen, report: Report): void {
  const { cost } = report;
  const share =
    cost.shareOfTargetCpu === null
      ? 'share of its CPU not known'
      : `${formatShare(cost.shareOfTargetCpu)} of its CPU`;
  const classes = Object.entries(cost.perHitNs)
    .filter(([, ns]) => ns > 0)
    .map(([name, ns]) => `${name} ${formatDuration(ns)}`)
    .join(', ');
  screen.heading('COST');
  screen.labelled(
    '  tracing',
    `${formatCount(cost.hits)} hits cost the target about ` +
      `${formatDuration(cost.cpuSeconds * 1e9)}, ${share}` +
      (classes === '' ? '' : `; a hit costs: ${classes}`),
    LABEL,
  );
  const { unwinding } = cost;
  if (unwinding !== null && unwinding.copies + unwinding.rules > 0) {
    screen.labelled('  unwinding', unwindingWords(unwinding), LABEL);
  }
  const actions = new Map<string, string[]>();
  for (const it of cost.brake) {
    const key = `after ${formatDuration(it.atSeconds * 1e9)} \u0000 (${it.reason})`;
    actions.set(key, [...(actions.get(key) ?? []), it.point]);
  }
  for (const [key, points] of actions) {
    screen.labelled('  brake', key.replace('\u0000', `took off ${points.join(', ')}`), LABEL);
  }
  screen.labelled('  losses', lossWords(report), LABEL);
}

/** How many stacks of C had to be copied, by how many rules the kernel walked all others. */
function unwindingWords({ copies, rules, rulesLeftOut, forgotten }: ReportUnwinding): string {
  const words = [
    `${formatCount(copies)} C stacks copied out, the others walked in the kernel ` +
      `by ${formatCount(rules)} rules`,
  ];
  if (rulesLeftOut > 0) words.push(`${formatCount(rulesLeftOut)} rules found no room`);
  if (forgotten > 0) words.push(`code was unmapped ${formatCount(forgotten)} times`);
  return words.join('; ');
}

/** Draws what a reader must know of the names in stacks; nothing where there is nothing to say. */
export function drawNames(screen: Screen, names: readonly string[]): void {
  if (names.length === 0) return;
  screen.heading('NAMES');
  for (const sentence of names) screen.labelled('  -', sentence, 4);
}

const LOSS_NAMES: Readonly<Record<keyof LossCounts, string>> = {
  ringFull: 'ring full',
  mapFull: 'map full',
  stackLost: 'stack lost',
  unpaired: 'unpaired',
  probeMissed: 'probe missed',
  readFailed: 'read failed',
};

function lossWords(report: Report): string {
  const parts = Object.entries(report.losses.probes).flatMap(([probe, losses]) =>
    (Object.keys(LOSS_NAMES) as (keyof LossCounts)[])
      .filter(kind => losses[kind] > 0)
      .map(kind => `${probe} ${LOSS_NAMES[kind]} ${formatCount(losses[kind])}`),
  );
  return parts.length === 0 ? 'none' : parts.join('; ');
}

/** Draws what this trace cannot know, whatever it found. */
export function drawUnknowns(screen: Screen, report: Report): void {
  const unknown: string[] = [];
  const freed = report.cHeap?.freedBeforeAttach ?? 0;
  if (report.cHeap !== null) {
    unknown.push(
      'what C memory was held before the trace began' +
        (freed > 0 ? `; ${formatCount(freed)} blocks of that time were freed during it` : ''),
    );
  } else if (report.target.cgo) unknown.push('everything about the C heap: it was not watched');
  if (report.suspects.some(it => it.touchedShare === null)) {
    unknown.push("which of the suspects' pages are resident");
  }
  if (report.memory.growth.goHeapInUseBytes === null) {
    unknown.push("the Go heap's size: its counters could not be read");
  }
  if (report.verdict.class === 'unexplained' && report.verdict.notExplainedBytes > 0) {
    unknown.push(`who holds ${formatBytes(report.verdict.notExplainedBytes)} of the growth of RSS`);
  }
  if (unknown.length === 0) return;
  screen.heading('NOT KNOWN');
  for (const sentence of unknown) screen.labelled('  -', sentence, 4);
}
