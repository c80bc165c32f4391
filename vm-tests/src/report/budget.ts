/**
 * What verifying costs, held against the schema's thresholds and against what was recorded.
 *
 * The fact readers get wrong: counts depend on the compiler as much as on the program, so growth is
 * only measured where the record was made by the same major version of the same compiler. The
 * schema's thresholds hold for every compiler.
 */
import type { CellResult, ProgramResult } from './cell-result.js';
import type { Compatibility } from './compatibility.js';
import { markdownTable } from './markdown-table.js';

/** One program in one cell. */
export interface BudgetRow {
  readonly probe: string;
  readonly cell: string;
  readonly program: string;
  readonly instructions: number;
  readonly states?: number;
  /** As recorded; undefined where nothing comparable was. */
  readonly wasInstructions?: number;
  readonly wasStates?: number;
  /** What is over its threshold, in words; empty when nothing is. */
  readonly over: readonly string[];
}

/** Growth at which a program fails, unless its schema says otherwise. */
const GROWTH = 2;

function exceeded(
  result: CellResult,
  program: ProgramResult,
  before: ProgramResult | undefined,
): string[] {
  const { instructions, states, growth = GROWTH } = result.budget ?? {};
  const over: string[] = [];
  const check = (what: string, is?: number, was?: number, most?: number): void => {
    if (is === undefined) return;
    if (most !== undefined && is > most) over.push(`${is} ${what}, the schema allows ${most}`);
    if (was !== undefined && was > 0 && is >= growth * was) {
      over.push(`${(is / was).toFixed(1)} times the ${was} ${what} recorded`);
    }
  };
  check('instructions', program.instructions, before?.instructions, instructions);
  check('states', program.totalStates, before?.totalStates, states);
  return over;
}

/** Every program that was loaded in a run, with what was recorded for it. */
export function budgetRows(
  fresh: readonly CellResult[],
  recorded: Compatibility | undefined,
): BudgetRow[] {
  const old = recorded?.probes.flatMap(probe => probe.cells) ?? [];
  return fresh.flatMap(result => {
    const record = old.find(each => each.probe === result.probe && each.cell === result.cell);
    const comparable = record?.compiler === result.compiler ? record : undefined;
    return result.programs.flatMap(program => {
      const { name, instructions, totalStates: states } = program;
      if (instructions === undefined) return [];
      const before = comparable?.programs.find(each => each.name === name);
      return {
        probe: result.probe,
        cell: result.cell,
        program: name,
        instructions,
        ...(states !== undefined && { states }),
        ...(before?.instructions !== undefined && { wasInstructions: before.instructions }),
        ...(before?.totalStates !== undefined && { wasStates: before.totalStates }),
        over: exceeded(result, program, before),
      };
    });
  });
}

function change(is: number | undefined, was: number | undefined): string {
  if (is === undefined) return '';
  if (was === undefined) return `${is} (new)`;
  if (is === was) return `${is}`;
  const percent =
    was === 0 ? '' : `, ${is > was ? '+' : '−'}${Math.round(Math.abs(is / was - 1) * 100)} %`;
  return `${is} (was ${was}${percent})`;
}

/**
 * The rows that changed or are over a threshold, as a Markdown table; one sentence when there is
 * none. This is what a pull request shows.
 */
export function budgetTable(rows: readonly BudgetRow[]): string {
  const shown = rows.filter(
    row =>
      row.over.length > 0 ||
      row.instructions !== row.wasInstructions ||
      row.states !== row.wasStates,
  );
  if (shown.length === 0) return `Verifying ${rows.length} programs took what was recorded.`;
  return markdownTable(
    ['program', 'cell', 'instructions', 'states', 'over'],
    shown.map(row => [
      `${row.probe} ${row.program}`,
      row.cell,
      change(row.instructions, row.wasInstructions),
      change(row.states, row.wasStates),
      row.over.join('; '),
    ]),
  );
}
