/**
 * Reads the generated files back: which values hold for a release, and what a new generation
 * changed. What a reader would get wrong: the files are read as text of the form that print.ts
 * prints, because this tool may not depend on the package that it writes into.
 */
import type { History, Row } from './history.js';

/** Rows of a generated file by name; empty for a file that has none. Throws on a damaged row. */
export function parseHistory(text: string): History {
  const history: Record<string, Row[]> = {};
  for (const [, name = '', list = ''] of text.matchAll(/^ {2}'([^']+)': (\[\[[^;]*?\]\]),$/gm)) {
    const plain = list.replaceAll("'", '"').replace(/,\s*\]/g, ']');
    history[name] = JSON.parse(plain) as Row[];
  }
  return history;
}

/** Orders `1.9`, `1.15`, `1.24.6` by their numbers; a line is its patch 0. */
export function compareReleases(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Values that hold for a release on one architecture; names that it lacks are absent. */
export function valuesAt(
  history: History,
  release: string,
  arch: 'x86_64' | 'arm64',
): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [name, rows] of Object.entries(history)) {
    const row = rows.findLast(([since]) => compareReleases(since, release) <= 0);
    const value = row?.[arch === 'x86_64' ? 1 : 2] ?? null;
    if (value !== null) values[name] = value;
  }
  return values;
}

/** Rows that `next` has and `last` has not, or the reverse, one line each. */
export function changedRows(last: History, next: History): string[] {
  const lines: string[] = [];
  const shown = (rows: readonly Row[] | undefined): string[] =>
    (rows ?? []).map(([since, amd64, arm64]) => `since ${since}: ${amd64} / ${arm64}`);
  for (const name of [...new Set([...Object.keys(last), ...Object.keys(next)])].sort()) {
    const [before, after] = [shown(last[name]), shown(next[name])];
    lines.push(...after.filter(row => !before.includes(row)).map(row => `+ ${name} ${row}`));
    lines.push(...before.filter(row => !after.includes(row)).map(row => `- ${name} ${row}`));
  }
  return lines;
}
