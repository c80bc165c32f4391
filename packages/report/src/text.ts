/**
 * The report as a page for a terminal, for somebody who was woken by it: the answer first, then
 * who, then the figures it rests on, then how much to trust them.
 */
import { formatDuration } from '@sonde/memory';
import type { Report } from './report.js';
import { padEnd, Screen, type ScreenOptions } from './screen.js';
import { drawHolders, drawMemory } from './text-memory.js';
import { drawCost, drawNames, drawProbes, drawUnknowns } from './text-probes.js';
import { drawSuspect } from './text-suspect.js';

const LABEL = 13;
/** Suspects drawn in full; the JSON has all. */
const SUSPECTS_MAX = 3;

const TITLES: Readonly<Record<string, string>> = {
  'c-leak': 'C LEAK',
  'go-retention': 'GO RETENTION',
  none: 'NO LEAK',
  unexplained: 'UNEXPLAINED',
};

/** How the page is drawn. */
export interface TextOptions extends ScreenOptions {
  /** Show the frames of cgo and the runtime between C and Go too. Default false. */
  readonly rawStacks?: boolean;
}

/** Writes the page; ends with a newline. */
export function writeText(report: Report, options: TextOptions): string {
  const screen = new Screen(options);
  drawTarget(screen, report);
  drawVerdict(screen, report);
  const drawn = {
    count: report.suspects.length,
    minAgeSeconds: report.window.minAgeSeconds,
    rawStacks: options.rawStacks === true,
  };
  report.suspects.slice(0, SUSPECTS_MAX).forEach((it, index) => {
    drawSuspect(screen, it, index, drawn);
  });
  if (report.suspects.length > SUSPECTS_MAX) {
    screen.line();
    screen.line(
      screen.paint.dim(`  ${report.suspects.length - SUSPECTS_MAX} more suspects in the JSON`),
    );
  }
  drawMemory(screen, report);
  drawHolders(screen, report.holders);
  drawProbes(screen, report.probes);
  drawNames(screen, report.names);
  drawCost(screen, report);
  drawUnknowns(screen, report);
  return screen.toString();
}

const ENDINGS = {
  duration: '',
  'target-exited': ', until the target exited',
  interrupted: ', interrupted',
  error: ', ended by an error',
} as const;

function drawTarget(screen: Screen, report: Report): void {
  const { target, window } = report;
  const traits = [
    `pid ${target.pid}`,
    target.exe,
    target.goRelease,
    target.arch,
    target.cgo ? 'cgo' : 'no cgo',
    ...(target.stripped ? ['stripped'] : []),
  ].join('  ');
  const span = `traced for ${formatDuration(window.seconds * 1e9)}${ENDINGS[window.ended]}`;
  screen.line(`${screen.paint.dim('sonde')}  ${traits}`);
  screen.line(screen.paint.dim(`       ${span}, kernel ${report.tracer.kernel}`));
  screen.line();
}

function drawVerdict(screen: Screen, report: Report): void {
  const { paint } = screen;
  const { verdict } = report;
  const alarm = verdict.class !== 'none' || verdict.failed !== null;
  const title = verdict.failed === null ? TITLES[verdict.class]! : 'NO ANSWER';
  const colour = alarm ? (text: string) => paint.bold(paint.red(text)) : paint.green;
  const label = Math.max(LABEL, title.length + 3);
  screen.labelled(colour(title), verdict.sentence, label, paint.bold);
  screen.labelled(padEnd('', title.length - 4) + paint.dim('next'), verdict.next, label);
  for (const caveat of verdict.caveats) {
    screen.labelled(padEnd('', title.length - 3) + paint.dim('but'), `${caveat}.`, label);
  }
}
