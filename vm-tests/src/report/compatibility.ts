/**
 * The compatibility report as data: what every probe has shown in every cell of the matrix.
 *
 * The fact readers get wrong: a cell that was not run this time keeps what was recorded for it,
 * with its date and digest. What makes a record stale is another verdict, never another date,
 * another count of events or another wording of the kernel.
 */
import { allCells, type Matrix } from '../matrix.js';
import type { CellResult } from './cell-result.js';

/** One cell of the matrix, as the report names it. */
export interface ReportCell {
  readonly name: string;
  readonly kernel: string;
  readonly architecture: string;
  readonly set: string;
}

/** Everything that is known; compatibility.schema.json describes it. */
export interface Compatibility {
  readonly format: 'sonde.compatibility/1';
  readonly cells: readonly ReportCell[];
  readonly goReleases: readonly string[];
  readonly probes: readonly { readonly name: string; readonly cells: readonly CellResult[] }[];
}

/**
 * Folds fresh results into what was recorded, in the order of the matrix. `probes` names those that
 * there are; what was recorded of others goes. All stay when it is left out.
 */
export function foldMatrix(
  matrix: Matrix,
  fresh: readonly CellResult[],
  recorded: Compatibility | undefined,
  probes?: readonly string[],
): Compatibility {
  const cells = allCells(matrix).map(({ name, kernel, architecture }) => {
    return { name, kernel: kernel.name, architecture: architecture.name, set: kernel.set };
  });
  const known = new Map<string, CellResult>();
  const old = recorded?.probes.flatMap(probe => probe.cells) ?? [];
  for (const each of [...old, ...fresh]) known.set(`${each.probe} ${each.cell}`, each);
  const names = [...new Set([...known.values()].map(each => each.probe))].sort();
  const folded = names
    .filter(name => probes?.includes(name) ?? true)
    .map(name => ({ name, cells: cells.flatMap(cell => known.get(`${name} ${cell.name}`) ?? []) }));
  return { format: 'sonde.compatibility/1', cells, goReleases: matrix.goReleases, probes: folded };
}

/** The verdicts of one result, by what they are about: all that a record is compared by. */
export function verdictsOf(result: CellResult): Map<string, string> {
  const about = `${result.probe} in ${result.cell}`;
  const verdicts = new Map([[`${about}: tests`, result.ok ? 'pass' : 'fail']]);
  for (const { name, compiled, loaded } of result.programs) {
    const verdict = loaded ? 'loads' : compiled ? 'is refused' : 'is not compiled';
    verdicts.set(`${about}: program ${name}`, verdict);
  }
  for (const { point, name, state, stage } of result.alternatives) {
    const verdict = stage === undefined ? state : `${state} at ${stage}`;
    verdicts.set(`${about}: ${point} by ${name}`, verdict);
  }
  for (const { goRelease, build, state } of result.releases) {
    verdicts.set(`${about}: Go ${goRelease} ${build}`, state);
  }
  return verdicts;
}

/** A verdict about programs of one Go release, in one build. */
const OF_RELEASE = /: Go [\d.]+ /;

/** Whether a verdict is about a known release in a build that was not recorded. */
function isOtherBuild(key: string, recorded: ReadonlyMap<string, string>): boolean {
  const release = key.slice(0, key.lastIndexOf(' ') + 1);
  return OF_RELEASE.test(key) && [...recorded.keys()].some(each => each.startsWith(release));
}

/** Differences between what was recorded and what a run has shown, one line each. */
export function staleVerdicts(
  fresh: readonly CellResult[],
  recorded: Compatibility | undefined,
): string[] {
  const old = recorded?.probes.flatMap(probe => probe.cells) ?? [];
  const lines: string[] = [];
  for (const result of fresh) {
    const before = old.find(each => each.probe === result.probe && each.cell === result.cell);
    if (before === undefined) {
      lines.push(`${result.probe} in ${result.cell}: not recorded yet`);
      continue;
    }
    const was = verdictsOf(before);
    const is = verdictsOf(result);
    for (const [key, verdict] of is) {
      const recordedAs = was.get(key);
      if (recordedAs === verdict || (recordedAs === undefined && isOtherBuild(key, was))) continue;
      lines.push(`${key}: ${verdict}, recorded: ${recordedAs ?? 'nothing'}`);
    }
    // A run of fewer builds says nothing of the others; all else must still be there.
    const gone = [...was.keys()].filter(key => !is.has(key) && !OF_RELEASE.test(key));
    for (const key of gone) lines.push(`${key}: nothing, recorded: ${was.get(key)}`);
  }
  return lines;
}

/** Everything that is red, one line each. */
export function redOf(results: readonly CellResult[]): string[] {
  return results.flatMap(result => {
    const about = `${result.probe} in ${result.cell}`;
    const bad = result.alternatives.filter(each => each.state === 'failed');
    const releases = result.releases.filter(each => each.state === 'failed');
    return [
      ...(result.ok ? [] : [`${about}: ${result.reasons.join('; ')}`]),
      ...bad.map(e => `${about}: ${e.point} by ${e.name}, at ${e.stage}: ${e.reason}`),
      ...releases.map(e => `${about}: Go ${e.goRelease} ${e.build}: ${e.reason}`),
    ];
  });
}

/** JSON with one line for each program, alternative and release, so that a diff can be read. */
export function compatibilityText(report: Compatibility): string {
  const lists = new Set(['programs', 'alternatives', 'releases', 'cells', 'probes']);
  const print = (value: unknown, indent: string, key: string): string => {
    if (Array.isArray(value) && lists.has(key)) {
      if (value.length === 0) return '[]';
      const rows = value.map(row => `${indent} ${print(row, `${indent} `, '')}`);
      return `[\n${rows.join(',\n')}\n${indent}]`;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return JSON.stringify(value);
    }
    const entries = Object.entries(value);
    if (!entries.some(([name, member]) => lists.has(name) && Array.isArray(member))) {
      return JSON.stringify(value);
    }
    const rows = entries.map(([name, member]) => {
      return `${indent} ${JSON.stringify(name)}: ${print(member, `${indent} `, name)}`;
    });
    return `{\n${rows.join(',\n')}\n${indent}}`;
  };
  return `${print(report, '', '')}\n`;
}
