/**
 * The compatibility report as one page of HTML that needs nothing else: tables first, readable
 * without scripts; then filters, and the evidence of a cell on hover and focus.
 *
 * The fact readers get wrong: text of kernels and tests is foreign, so all of it is escaped, and
 * none of it reaches the script but as text of the page.
 */
import type { AlternativeResult, CellResult, ProgramResult, State } from './cell-result.js';
import type { Compatibility, ReportCell } from './compatibility.js';
import { OUTPUT_NAME, logPath } from './logs.js';
import { PAGE_SCRIPT } from './page-script.js';
import { PAGE_STYLE } from './page-style.js';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as it may stand in an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, character => ENTITIES[character] ?? '');
}

/** Paths of logs, from the page. */
type Logs = ReadonlySet<string>;

type Shown = State | 'none';

const MARKS: Readonly<Record<Shown, readonly [mark: string, word: string]>> = {
  seen: ['●', 'seen'],
  attached: ['◐', 'attaches'],
  absent: ['–', 'absent'],
  failed: ['✕', 'failed'],
  none: ['', 'not run'],
};

/** One cell of a table: its state, what is written in it, and the evidence behind it. */
interface Verdict {
  readonly state: Shown;
  readonly text?: string;
  readonly evidence: readonly string[];
}

const NOT_RUN: Verdict = { state: 'none', evidence: ['No run of this cell was recorded.'] };

function verdictCell(cell: ReportCell, row: string, verdict: Verdict): string {
  const [mark, word] = MARKS[verdict.state];
  const text = verdict.text ?? word;
  const evidence = [`${row} in ${cell.name}: ${word}`, ...verdict.evidence].join('\n');
  return (
    `<td class="${verdict.state}" data-state="${verdict.state}" data-kernel="${cell.kernel}"` +
    ` data-arch="${cell.architecture}"><button type="button" data-evidence="` +
    `${escapeHtml(evidence)}"><span class="mark" aria-hidden="true">${mark}</span>` +
    `<span class="word">${escapeHtml(text)}</span></button></td>`
  );
}

/** Two head rows: kernels, and their architectures. */
function tableHead(report: Compatibility, first: string): string {
  const kernels = [...new Set(report.cells.map(cell => cell.kernel))];
  const top = kernels.map(kernel => {
    const span = report.cells.filter(cell => cell.kernel === kernel).length;
    return `<th scope="colgroup" colspan="${span}" data-kernel="${kernel}">Linux ${kernel}</th>`;
  });
  const below = report.cells.map(
    cell =>
      `<th scope="col" data-kernel="${cell.kernel}" data-arch="${cell.architecture}">` +
      `${cell.architecture}</th>`,
  );
  return (
    `<thead><tr><th scope="col" rowspan="2">${first}</th>${top.join('')}</tr>` +
    `<tr>${below.join('')}</tr></thead>`
  );
}

interface Row {
  readonly head: string;
  readonly plain: string;
  readonly release?: string;
  readonly of: (result: CellResult) => Verdict | undefined;
}

function table(
  report: Compatibility,
  cells: readonly CellResult[],
  [caption, first]: readonly [string, string],
  rows: readonly Row[],
): string {
  const body = rows.map(row => {
    const columns = report.cells.map(cell => {
      const result = cells.find(each => each.cell === cell.name);
      const verdict = result === undefined ? NOT_RUN : (row.of(result) ?? NOT_RUN);
      return verdictCell(cell, row.plain, verdict);
    });
    const release = row.release === undefined ? '' : ` data-release="${row.release}"`;
    return `<tr${release}><th scope="row">${row.head}</th>${columns.join('')}</tr>`;
  });
  return (
    `<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(caption)}"><table>` +
    `<caption>${escapeHtml(caption)}</caption>${tableHead(report, first)}` +
    `<tbody>${body.join('\n')}</tbody></table></div>`
  );
}

function origin(result: CellResult): string[] {
  const { kernel, date, compiler, inputs } = result;
  return [`Kernel ${kernel}, run on ${date}.`, `Compiled by ${compiler}; inputs ${inputs}.`];
}

function reasonLines(reason: string | undefined, log: string | undefined, probe: string): string[] {
  const path = log === undefined ? [] : [`Log: packages/probe-${probe}/out/cells/${log}`];
  return [...(reason === undefined || reason === '' ? [] : [`The reason: ${reason}`]), ...path];
}

function alternativeVerdict(result: CellResult, each: AlternativeResult): Verdict {
  const { state, stage, kind, program, tests, compared, reason, log } = each;
  const counted = `${compared} events compared with the truth in ${tests} tests.`;
  return {
    state,
    ...(stage !== undefined && { text: `failed: ${stage}` }),
    evidence: [
      ...(state === 'seen' ? [counted] : []),
      ...(state === 'attached' ? ['It attaches; no test compared events by it.'] : []),
      `${kind}, program ${program}.`,
      ...reasonLines(reason, log, result.probe),
      ...origin(result),
    ],
  };
}

function releaseVerdict(result: CellResult, goRelease: string): Verdict | undefined {
  const own = result.releases.filter(each => each.goRelease === goRelease);
  const worst =
    own.find(each => each.state === 'failed') ?? own.find(each => each.state === 'seen') ?? own[0];
  if (worst === undefined) return undefined;
  const builds = own.map(each => `${each.build}: ${each.compared} events compared`);
  const by = [...new Set(own.flatMap(each => each.by))];
  return {
    state: worst.state,
    evidence: [
      ...builds,
      ...(by.length === 0 ? [] : [`By ${by.join(', ')}.`]),
      ...reasonLines(worst.reason, undefined, result.probe),
      ...origin(result),
    ],
  };
}

function programVerdict(result: CellResult, program: ProgramResult): Verdict {
  const { instructions, totalStates, peakStates, mode, reason, log } = program;
  const counts = `${instructions?.toLocaleString('en') ?? '?'} instructions`;
  return {
    state: program.loaded ? 'seen' : 'failed',
    text: program.loaded ? (instructions?.toLocaleString('en') ?? '?') : 'refused',
    evidence: [
      `The verifier processed ${counts}.`,
      `It kept ${totalStates ?? '?'} states, ${peakStates ?? '?'} of them at one time.`,
      `Mode ${mode}.`,
      ...reasonLines(reason, log, result.probe),
      ...origin(result),
    ],
  };
}

function unique<T>(items: readonly T[]): T[] {
  return [...new Set(items)];
}

/** A cell's name, as a link to the log where there is one. */
function placeLink({ probe, cell }: CellResult, log: string | undefined, logs: Logs): string {
  const own = log === undefined ? [] : [`logs/${probe}/${log}`];
  const path = [...own, logPath(probe, cell, OUTPUT_NAME)].find(each => logs.has(each));
  return path === undefined ? cell : `<a href="${escapeHtml(path)}">${cell}</a>`;
}

/** Every reason of a probe with the cells it holds for, for print and for readers without hover. */
function reasonList(cells: readonly CellResult[], logs: Logs): string {
  const places = new Map<string, { names: string[]; links: string[] }>();
  for (const result of cells) {
    for (const { point, name, state, reason, log } of result.alternatives) {
      if (reason === undefined || reason === '') continue;
      const key = `${state === 'failed' ? 'failed' : 'absent'}\n${point}: ${name}\n${reason}`;
      const { names, links } = places.get(key) ?? { names: [], links: [] };
      const link = placeLink(result, log, logs);
      places.set(key, { names: [...names, result.cell], links: [...links, link] });
    }
  }
  if (places.size === 0) return '';
  const items = [...places].map(([key, { names, links }]) => {
    const [state = '', name = '', reason = ''] = key.split('\n').map(escapeHtml);
    return (
      `<li class="${state}" data-cells="${names.join(' ')}"><strong>${name}</strong> ` +
      `<span class="where">${links.join(', ')}` +
      `</span><br><q>${reason}</q></li>`
    );
  });
  const sorted = items.sort(
    (a, b) => Number(b.includes('"failed"')) - Number(a.includes('"failed"')),
  );
  const summary = `Why not: the kernels’ own words (${places.size})`;
  const list = `<ul class="reasons">${sorted.join('')}</ul>`;
  return `<details open><summary>${summary}</summary>${list}</details>`;
}

/** Whether all tests of the probe passed, which says more than its attach points. */
const TESTS_ROW: Row = {
  head: '<b>all tests</b>',
  plain: 'all tests',
  of: result => ({
    state: result.ok ? 'seen' : 'failed',
    text: result.ok ? 'pass' : 'fail',
    evidence: [
      ...result.reasons,
      `Output: packages/probe-${result.probe}/out/tap/${result.cell}.tap`,
      ...origin(result),
    ],
  }),
};

function alternativeRows(cells: readonly CellResult[]): Row[] {
  const keys = unique(cells.flatMap(c => c.alternatives.map(a => `${a.point}\n${a.name}`)));
  return keys.map(key => {
    const [point = '', name = ''] = key.split('\n');
    return {
      head: `<span class="point">${escapeHtml(point)}</span> ${escapeHtml(name)}`,
      plain: `${point} by ${name}`,
      of: result => {
        const found = result.alternatives.find(a => a.point === point && a.name === name);
        return found === undefined ? undefined : alternativeVerdict(result, found);
      },
    };
  });
}

function programRows(cells: readonly CellResult[]): Row[] {
  return unique(cells.flatMap(each => each.programs.map(program => program.name))).map(name => ({
    head: `<code>${escapeHtml(name)}</code>`,
    plain: name,
    of: result => {
      const found = result.programs.find(each => each.name === name);
      return found === undefined ? undefined : programVerdict(result, found);
    },
  }));
}

function probeSection(
  report: Compatibility,
  { name, cells }: Compatibility['probes'][number],
  logs: Logs,
): string {
  const releases = report.goReleases.map(release => ({
    head: `Go ${release}`,
    plain: `Go ${release}`,
    release,
    of: (result: CellResult) => releaseVerdict(result, release),
  }));
  const { instructions, states } = cells.at(-1)?.budget ?? {};
  const most = [
    ...(instructions === undefined ? [] : [`${instructions.toLocaleString('en')} instructions`]),
    ...(states === undefined ? [] : [`${states.toLocaleString('en')} states`]),
  ];
  const allowed = most.length === 0 ? '' : `; the schema allows ${most.join(' and ')}`;
  const work = `Verifier: instructions processed${allowed}`;
  const attach = ['Ways to attach', 'point, way'] as const;
  return [
    `<section data-probe="${name}"><h2 id="${name}">${name}</h2>`,
    table(report, cells, attach, [TESTS_ROW, ...alternativeRows(cells)]),
    reasonList(cells, logs),
    table(report, cells, ['Programs by every Go release', 'release'], releases),
    table(report, cells, [work, 'program'], programRows(cells)),
    '</section>',
  ].join('\n');
}

function counts(report: Compatibility): string {
  const all = report.probes.flatMap(probe => probe.cells);
  const states = all.flatMap(cell => [
    ...(cell.ok ? [] : (['failed'] as const)),
    ...cell.alternatives.map(each => each.state),
    ...cell.releases.map(each => each.state),
  ]);
  const tile = (state: State, text: string): string => {
    const [mark] = MARKS[state];
    const count = states.filter(each => each === state).length;
    return (
      `<li class="${state}"><span class="mark" aria-hidden="true">${mark}</span>` +
      `<b>${count.toLocaleString('en')}</b> ${text}</li>`
    );
  };
  return `<ul class="counts">${[
    tile('seen', 'exact events seen'),
    tile('attached', 'attach, events not compared'),
    tile('absent', 'not there, and not needed'),
    tile('failed', 'failed'),
  ].join('')}</ul>`;
}

function select(id: string, label: string, words: readonly (readonly [string, string])[]): string {
  const options = [['', 'all'] as const, ...words].map(
    ([value, text]) => `<option value="${escapeHtml(value)}">${escapeHtml(text)}</option>`,
  );
  return `<label>${label} <select id="${id}">${options.join('')}</select></label>`;
}

function filters(report: Compatibility): string {
  const same = (words: readonly string[]) => unique(words).map(word => [word, word] as const);
  const states = (['seen', 'attached', 'absent', 'failed', 'none'] as const).map(
    state => [state, MARKS[state][1]] as const,
  );
  return `<form class="filters" aria-label="Filter">${[
    select('probe', 'Probe', same(report.probes.map(probe => probe.name))),
    select('kernel', 'Kernel', same(report.cells.map(cell => cell.kernel))),
    select('arch', 'Architecture', same(report.cells.map(cell => cell.architecture))),
    select('release', 'Go release', same(report.goReleases)),
    select('state', 'State', states),
    '<button type="reset">Show all</button><output aria-live="polite"></output>',
  ].join('')}</form>`;
}

/** Prints the page. `logs` are the files that lie beside it; see {@link keepLogs}. */
export function compatibilityHtml(report: Compatibility, logs: Logs = new Set()): string {
  const dates = report.probes.flatMap(probe => probe.cells.map(cell => cell.date)).sort();
  const newest = dates.at(-1) ?? 'never';
  const size =
    `${report.probes.length} probes in ${report.cells.length} cells (kernel × architecture), ` +
    `${report.goReleases.length} Go releases`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sonde: compatibility</title>
<style>${PAGE_STYLE}</style></head><body>
<header><h1>Compatibility</h1>
<p>${size}. Latest run ${newest}. <b>Seen</b> means that a test compared exact events with what the
traced program said of itself; loading alone proves nothing.</p>
${counts(report)}</header>
${filters(report)}
<main>${report.probes.map(probe => probeSection(report, probe, logs)).join('\n')}</main>
<div id="evidence" role="tooltip" hidden></div>
<script>${PAGE_SCRIPT}</script>
</body></html>
`;
}
