/**
 * The compatibility report as Markdown, for the repository: the same data gives the same text.
 *
 * The fact readers get wrong: reasons are footnotes, numbered by first use, because one sentence of
 * a kernel explains many cells.
 */
import type { AlternativeResult, CellResult } from './cell-result.js';
import type { Compatibility } from './compatibility.js';
import { markdownTable } from './markdown-table.js';

const INTRODUCTION = `# Compatibility

What every probe has shown on every kernel of [the matrix](../vm-tests/matrix.json). This page is
printed by \`npx nx run vm-tests:report\` from [compatibility.json](compatibility.json), which test
runs have left; CI refuses it when a verdict differs. After a run, a probe's folder has the whole
output of a cell as \`out/tap/CELL.tap\` and the verifier's log of a refused program as
\`out/cells/CELL/PROGRAM.log\`; CI keeps both beside the page, in its artifact \`compatibility\`.

- **seen**: a test compared exact events with what the traced program said of itself.
- **attaches**: it loads and attaches; no test compared events by it there.
- **–**: this kernel, architecture or program does not have it, and another way serves.
- **FAILED**: at compile, load, attach or event; the footnote has the kernel's words.`;

const WORDS = { seen: 'seen', attached: 'attaches', absent: '–', failed: 'FAILED' } as const;

/** Numbers the reasons. */
class Footnotes {
  readonly #numbers = new Map<string, number>();

  mark(reason: string | undefined): string {
    if (reason === undefined || reason === '') return '';
    const number = this.#numbers.get(reason) ?? this.#numbers.size + 1;
    this.#numbers.set(reason, number);
    return ` (${number})`;
  }

  get text(): string {
    const notes = [...this.#numbers].map(([reason, number]) => `${number}. ${reason}`);
    return notes.length === 0 ? '' : `## Reasons\n\n${notes.join('\n')}`;
  }
}

type Of<T> = (result: CellResult) => T | undefined;

function alternativeWord(each: AlternativeResult | undefined, notes: Footnotes): string {
  if (each === undefined) return '';
  const where = each.stage === undefined ? '' : ` at ${each.stage}`;
  return `${WORDS[each.state]}${where}${notes.mark(each.reason)}`;
}

function unique<T>(items: readonly T[]): T[] {
  return [...new Set(items)];
}

/** A table with one column for each cell of the matrix; empty where a cell was never run. */
function cellTable(
  report: Compatibility,
  cells: readonly CellResult[],
  first: string,
  rows: readonly { readonly name: string; readonly of: Of<string> }[],
): string {
  return markdownTable(
    [first, ...report.cells.map(cell => cell.name)],
    rows.map(row => [
      row.name,
      ...report.cells.map(({ name }) => {
        const result = cells.find(each => each.cell === name);
        return result === undefined ? 'not run' : (row.of(result) ?? '');
      }),
    ]),
  );
}

function releaseWord(result: CellResult, goRelease: string, notes: Footnotes): string {
  const own = result.releases.filter(each => each.goRelease === goRelease);
  if (own.length === 0) return 'not run';
  const bad = own.find(each => each.state === 'failed');
  if (bad !== undefined) return `${WORDS.failed}${notes.mark(bad.reason)}`;
  const state = own.some(each => each.state === 'seen') ? 'seen' : 'absent';
  return state === 'seen' ? WORDS.seen : `${WORDS.absent}${notes.mark(own[0]?.reason)}`;
}

function programWord(result: CellResult, program: string): string {
  const found = result.programs.find(each => each.name === program);
  if (found === undefined) return '';
  if (!found.loaded) return WORDS.failed;
  const { instructions, totalStates } = found;
  return instructions === undefined ? '?' : `${instructions} / ${totalStates ?? '?'}`;
}

function probeSection(
  report: Compatibility,
  { name, cells }: Compatibility['probes'][number],
  notes: Footnotes,
): string {
  const keys = unique(cells.flatMap(c => c.alternatives.map(a => `${a.point} ${a.name}`)));
  const alternatives = keys.map(key => ({
    name: key.replace(' ', ': '),
    of: (result: CellResult) =>
      alternativeWord(
        result.alternatives.find(each => `${each.point} ${each.name}` === key),
        notes,
      ),
  }));
  const releases = report.goReleases.map(release => ({
    name: `Go ${release}`,
    of: (result: CellResult) => releaseWord(result, release, notes),
  }));
  const programs = unique(cells.flatMap(each => each.programs.map(program => program.name))).map(
    program => ({ name: program, of: (result: CellResult) => programWord(result, program) }),
  );
  const budget = cells.at(-1)?.budget;
  const allowed =
    budget === undefined
      ? ''
      : ` The schema allows ${budget.instructions} instructions` +
        `${budget.states === undefined ? '' : ` and ${budget.states} states`} for each.`;
  return [
    `## ${name}`,
    cellTable(report, cells, 'attach point: alternative', alternatives),
    'Events compared in programs that were built by each Go release:',
    cellTable(report, cells, 'release', releases),
    `The verifier's work, as instructions processed / states kept.${allowed}`,
    cellTable(report, cells, 'program', programs),
    'Recorded:',
    cellTable(report, cells, '', [
      { name: 'kernel', of: result => result.kernel },
      { name: 'on', of: result => result.date },
      { name: 'of', of: result => result.inputs },
      { name: 'compiled by', of: result => result.compiler },
    ]),
  ].join('\n\n');
}

/** Prints the report. */
export function compatibilityMarkdown(report: Compatibility): string {
  const notes = new Footnotes();
  const sections = report.probes.map(probe => probeSection(report, probe, notes));
  return `${[INTRODUCTION, ...sections, notes.text].filter(Boolean).join('\n\n')}\n`;
}
