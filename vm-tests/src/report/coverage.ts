/**
 * Whether the record speaks of everything: each probe of the workspace in each cell that is asked
 * for, each way to attach that its schema has, each Go release.
 *
 * The fact readers get wrong: this needs no run. A change of sources leaves the record as good as
 * it was; a new kernel, probe, way or release makes it incomplete at once, on every machine.
 */
import type { ProbeIr } from '@sonde/core/schema';
import { allCells, type Matrix } from '../matrix.js';
import type { CellResult } from './cell-result.js';
import { redOf, type Compatibility } from './compatibility.js';

/** What a probe's schema says of attaching, as far as the record has to have it. */
export type ProbeShape = Pick<ProbeIr, 'name' | 'attach'>;

/** How cells are run and recorded: what the reader of a finding has to type. */
export function recordCommand(cells: readonly string[]): string {
  const run = `npx nx run vm-tests:matrix --cells ${cells.join(',')}`;
  return `${run} && npx nx run vm-tests:report --write`;
}

/** What the schema has and the record of one cell has not, and the other way round. */
function differences(shape: ProbeShape, result: CellResult): string[] {
  const about = `${shape.name} in ${result.cell}`;
  const ways = shape.attach.flatMap(point =>
    point.oneOf.map(way => `${point.name} by ${way.name}`),
  );
  const recorded = result.alternatives.map(each => `${each.point} by ${each.name}`);
  return [
    ...ways.filter(way => !recorded.includes(way)).map(way => `${about}: ${way}: not recorded`),
    ...recorded
      .filter(way => !ways.includes(way))
      .map(way => `${about}: ${way}: recorded, and the schema does not have it`),
  ];
}

/** Releases that a probe is compared by, and that one of its cells lacks. */
function releasesMissing(matrix: Matrix, results: readonly CellResult[]): string[] {
  if (results.every(each => each.releases.length === 0)) return [];
  return results.flatMap(({ probe, cell, releases }) =>
    matrix.goReleases
      .filter(release => !releases.some(each => each.goRelease === release))
      .map(release => `${probe} in ${cell}: Go ${release}: not recorded`),
  );
}

function strangers(cells: readonly string[], shapes: readonly ProbeShape[], record: Compatibility) {
  const probes = record.probes.filter(each => !shapes.some(shape => shape.name === each.name));
  const others = record.cells.filter(each => !cells.includes(each.name));
  return [
    ...probes.map(each => `${each.name}: recorded, and there is no such probe`),
    ...others.map(each => `${each.name}: recorded, and the matrix does not have it`),
  ];
}

/**
 * What the record does not have of the `required` cells, all when left out, or has and should not;
 * one line each.
 */
export function uncovered(
  matrix: Matrix,
  shapes: readonly ProbeShape[],
  record: Compatibility | undefined,
  required?: readonly string[],
): string[] {
  const cells = allCells(matrix).map(each => each.name);
  if (record === undefined) return ['nothing is recorded'];
  const lines = strangers(cells, shapes, record);
  for (const shape of shapes) {
    const results = record.probes.find(each => each.name === shape.name)?.cells ?? [];
    const wanted = required ?? cells;
    const missing = wanted.filter(cell => !results.some(each => each.cell === cell));
    if (missing.length > 0) {
      lines.push(`${shape.name}: not recorded in ${missing.join(', ')}`);
    }
    lines.push(...results.flatMap(each => differences(shape, each)));
    lines.push(...releasesMissing(matrix, results));
    // What stays red in cells that are not asked for is named by the report, and fails all cells'.
    const asked = results.filter(each => wanted.includes(each.cell));
    lines.push(...redOf(asked).map(red => `recorded as red: ${red}`));
  }
  return lines;
}
