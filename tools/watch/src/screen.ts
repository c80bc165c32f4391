/**
 * A round as lines of a terminal. What a reader would get wrong: colours only where standard output
 * is a terminal and NO_COLOR is not set; the words carry everything.
 */
import type { RoundResult, RoundTimes } from './round.js';

const COLOURED = process.stdout.isTTY && !process.env['NO_COLOR'];

function paint(code: number, text: string): string {
  return COLOURED ? `\u001b[${code}m${text}\u001b[0m` : text;
}

function milliseconds(times: RoundTimes): string {
  const parts = (['generate', 'compile', 'bundle', 'run'] as const).flatMap(name => {
    const spent = times[name];
    return spent === undefined ? [] : [`${name} ${spent.toFixed(0)}`];
  });
  return `${(times.total / 1000).toFixed(2)} s (${parts.join(', ')} ms)`;
}

/** What is printed after a round: one line when it passed, the reasons below it when not. */
export function roundLines(saved: string, place: string, result: RoundResult): string[] {
  const { verdict, times, written } = result;
  const clock = new Date().toTimeString().slice(0, 8);
  const word = verdict.ok ? paint(32, 'ok  ') : paint(31, 'FAIL');
  const what = verdict.counts === '' ? `${verdict.step} failed` : verdict.counts;
  return [
    `${clock} ${word} ${saved} in ${place}: ${what}, ${milliseconds(times)}`,
    ...written.map(path => `         wrote ${path}`),
    ...verdict.lines.map(line => `         ${line}`),
  ];
}
