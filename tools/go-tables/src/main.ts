/**
 * `go-tables generate | verify | check`: the tables of Go's runtime, from every release itself.
 *
 * `generate` builds every release of the manifest and writes the files, saying what moved; `verify`
 * does the same and compares; `check` does it for the oldest and the newest release. What a reader
 * would get wrong: a release that `check` cannot fetch is skipped by name, but with none compared
 * the check fails.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CommandError, findGoRelease, goManifest, goReleases, goToolchain } from '@sonde/toolchain';
import { changedRows, parseHistory, valuesAt } from './committed.js';
import { type ExperimentMoves, readExperiments } from './experiments.js';
import { historyOf, type MeasuredRelease, unplaced, waitReasonHistory } from './history.js';
import { measureRelease } from './measure.js';
import { printConstants, printExperiments, printLayouts, printWaitReasons } from './print.js';
import { printDocs } from './print-docs.js';
import { remembered } from './remembered.js';
import { ARCHES, buildReaders, PROJECT, type Readers } from './witness.js';

const ROOT = join(PROJECT, '../..');
const TABLES = 'packages/symbols/src/gosym/tables';
const LAYOUTS = `${TABLES}/layouts.ts`;
const CONSTANTS = `${TABLES}/constants.ts`;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const read = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8').catch(() => '');

/** How a measurement is had: made now, or remembered. */
type Recall = <T>(kind: string, version: string, measure: () => Promise<T>) => Promise<T>;

/** Tries the experiments of one release and says which move something. */
async function experimentsOf(readers: Readers, release: MeasuredRelease): Promise<ExperimentMoves> {
  const own = { x86_64: release.of.x86_64.fields, arm64: release.of.arm64.fields };
  const moves = await readExperiments(readers, await goToolchain(release.version, say), own);
  const moving = Object.entries(moves).filter(([, fields]) => fields.length > 0);
  const names = moving.map(([name, fields]) => `${name} moves ${fields.length}`);
  const count = Object.keys(moves).length;
  say(`${release.version}: ${count} experiments, ${names.join(', ') || 'none moves a field'}`);
  return moves;
}

/** Every generated file by its path from the repository's root. */
async function generateAll(readers: Readers, recall: Recall): Promise<Map<string, string>> {
  const releases: MeasuredRelease[] = [];
  const moves: Record<string, ExperimentMoves> = {};
  for (const entry of goManifest) {
    const measure = () => measureRelease(readers, entry, say);
    const measured = await recall('release', entry.version, measure);
    releases.push(measured);
    if (entry.tested !== true) continue;
    const experiments = () => experimentsOf(readers, measured);
    moves[entry.line] = await recall('experiments', entry.version, experiments);
  }
  const fields = historyOf(releases, 'fields');
  for (const line of unplaced(releases, fields)) say(line);
  return new Map([
    [LAYOUTS, printLayouts(releases, fields)],
    [CONSTANTS, printConstants(historyOf(releases, 'constants'))],
    [`${TABLES}/wait-reasons.ts`, printWaitReasons(waitReasonHistory(releases))],
    [`${TABLES}/experiments.ts`, printExperiments(moves)],
    ['docs/go-layouts.md', printDocs(releases, fields)],
  ]);
}

/** Writes the files and says which rows are new or gone. */
async function generate(readers: Readers): Promise<number> {
  for (const [path, text] of await generateAll(readers, remembered)) {
    const last = await read(path);
    say(`${path}: ${last === text ? 'unchanged' : 'written'}`);
    for (const line of changedRows(parseHistory(last), parseHistory(text))) say(`  ${line}`);
    await mkdir(dirname(join(ROOT, path)), { recursive: true });
    await writeFile(join(ROOT, path), text);
  }
  return 0;
}

/** Compares the files with what every release says now; the count of stale ones. */
async function verify(readers: Readers): Promise<number> {
  let stale = 0;
  for (const [path, text] of await generateAll(readers, (_kind, _version, measure) => measure())) {
    const last = await read(path);
    if (last === text) continue;
    stale++;
    say(`${path}: stale; run npx nx run go-tables:generate and commit it`);
    for (const line of changedRows(parseHistory(last), parseHistory(text))) say(`  ${line}`);
  }
  say(`${goManifest.length} releases built and read, ${stale} stale files`);
  return stale;
}

/** Names whose values differ, with both values. */
function differing(
  now: Readonly<Record<string, number>>,
  committed: Readonly<Record<string, number>>,
): string[] {
  return [...new Set([...Object.keys(now), ...Object.keys(committed)])]
    .sort()
    .filter(name => now[name] !== committed[name])
    .map(name => `${name}: ${committed[name] ?? 'none'} in the tables, now ${now[name] ?? 'none'}`);
}

/** Compares the committed values with one release built now; how many differ. */
function compareWithTables(measured: MeasuredRelease, files: ReadonlyMap<string, string>): number {
  let wrong = 0;
  for (const [path, kind] of [
    [LAYOUTS, 'fields'],
    [CONSTANTS, 'constants'],
  ] as const) {
    const history = parseHistory(files.get(path)!);
    const release = `${measured.line}.${measured.patch}`;
    for (const arch of ARCHES) {
      const now = measured.of[arch][kind];
      const lines = differing(now, valuesAt(history, release, arch));
      const count = Object.keys(now).length;
      say(`${measured.version} ${arch}: ${count} ${kind} compared, ${lines.length} differ`);
      for (const line of lines) say(`  ${line}`);
      wrong += lines.length;
    }
  }
  return wrong;
}

/** The oldest and the newest release only; how many values differ, or 1 where none was had. */
async function check(readers: Readers): Promise<number> {
  const lines = Object.keys(goReleases);
  const files = new Map([
    [LAYOUTS, await read(LAYOUTS)],
    [CONSTANTS, await read(CONSTANTS)],
  ]);
  let wrong = 0;
  let compared = 0;
  for (const line of [lines[0]!, lines.at(-1)!]) {
    const entry = findGoRelease(line)!;
    try {
      const measured = await measureRelease(readers, entry, say);
      wrong += compareWithTables(measured, files);
      compared++;
    } catch (cause) {
      if (!(cause instanceof CommandError) || !cause.message.startsWith('fetch ')) throw cause;
      say(`skipped ${entry.version}: ${cause.message}`);
    }
  }
  say(`${compared} releases compared, ${wrong} differences`);
  return compared === 0 ? 1 : wrong;
}

async function main(): Promise<void> {
  const verb = process.argv[2] ?? '';
  const verbs: Readonly<Record<string, (readers: Readers) => Promise<number>>> = {
    generate,
    verify,
    check,
  };
  const act = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (act === undefined) {
    process.stderr.write('usage: sonde-go-tables generate | verify | check\n');
    process.exitCode = 2;
    return;
  }
  const began = Date.now();
  const readers = await buildReaders();
  try {
    if ((await act(readers)) > 0) process.exitCode = 1;
  } finally {
    await readers.remove();
  }
  say(`go-tables ${verb}: ${((Date.now() - began) / 1000).toFixed(0)} s`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  if (error instanceof CommandError && error.hint) process.stderr.write(`  ${error.hint}\n`);
  process.exitCode = 1;
}
