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
  /** Both compilers, where the record is of another one, and so not compared with. */
  readonly compilers?: string;
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
    const same = record?.compiler === result.compiler;
    const comparable = same ? record : undefined;
    const compilers = `${result.compiler}, recorded of ${record?.compiler}`;
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
        ...(record !== undefined && !same && { compilers }),
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

/** Whether a row has something to say: it is over, or it is not what was recorded. */
function isShown(row: BudgetRow): boolean {
  if (row.over.length > 0) return true;
  if (row.compilers !== undefined) return false;
  return row.instructions !== row.wasInstructions || row.states !== row.wasStates;
}

/**
 * The rows that changed or are over a threshold, as a Markdown table, and a sentence on the others.
 * This is what a pull request shows.
 */
export function budgetTable(rows: readonly BudgetRow[]): string {
  const shown = rows.filter(isShown);
  const rest = rows.filter(row => !isShown(row));
  const same = rest.filter(row => row.compilers === undefined).length;
  const others = [...new Set(rest.flatMap(row => row.compilers ?? []))];
  const sentences = [
    ...(same > 0 || rest.length === 0
      ? [`Verifying ${same} programs took what was recorded.`]
      : []),
    ...others.map(each => {
      const count = rest.filter(row => row.compilers === each).length;
      return `${count} programs were held against their schema alone: compiled by ${each}.`;
    }),
  ].join(' ');
  if (shown.length === 0) return sentences;
  const table = markdownTable(
    ['program', 'cell', 'instructions', 'states', 'over'],
    shown.map(row => [
      `${row.probe} ${row.program}`,
      row.cell,
      change(row.instructions, row.wasInstructions),
      change(row.states, row.wasStates),
      row.over.join('; '),
    ]),
  );
  return rest.length === 0 ? table : `${table}\n\n${sentences}`;
}
