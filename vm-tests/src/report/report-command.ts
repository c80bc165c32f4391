/**
 * `sonde-vm report`: folds what test runs have left into the compatibility report, and holds it
 * against the record in the repository.
 *
 * The fact readers get wrong: a result counts only while the sources it was made of are unchanged;
 * one that is left from earlier sources is passed over, and missing where its cell is asked for.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { commaList, progress } from '../command-line.js';
import { allCells, readMatrix, selectCells } from '../matrix.js';
import { inWorkspace, outRoot, probePackages, workspaceRoot } from '../surroundings.js';
import { budgetRows, budgetTable } from './budget.js';
import type { CellResult } from './cell-result.js';
import {
  compatibilityText,
  foldMatrix,
  redOf,
  staleVerdicts,
  type Compatibility,
} from './compatibility.js';
import { recordCommand, uncovered, type ProbeShape } from './coverage.js';
import { compatibilityHtml } from './html.js';
import { cellPath, inputsDigest } from './keep-cell.js';
import { keepLogs } from './logs.js';
import { compatibilityMarkdown } from './markdown.js';

/** The record of the probes here: among the workspace's documents, or beside a project's code. */
const RECORD = join(workspaceRoot, inWorkspace ? 'docs' : '', 'compatibility.json');

const OPTIONS = {
  cells: { type: 'string' },
  probes: { type: 'string' },
  record: { type: 'string', default: RECORD },
  out: { type: 'string', default: join(outRoot, 'report') },
  write: { type: 'boolean', default: false },
  check: { type: 'boolean', default: false },
} as const;

/** What was found of one probe. */
interface Found {
  readonly fresh: CellResult[];
  /** The folder of the probe of each fresh result. */
  readonly folders: Map<CellResult, string>;
  /** Cells that should have a result and have none, in words. */
  readonly missing: string[];
}

/** The file that a package's `sonde.probe` names; undefined for what is no probe. */
function probeFile(folder: string): string | undefined {
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest)) return undefined;
  const { sonde } = JSON.parse(readFileSync(manifest, 'utf8')) as { sonde?: { probe?: string } };
  return sonde?.probe === undefined ? undefined : join(folder, sonde.probe);
}

/** Folders of the probes: those named, or all of the workspace, or the project's own. */
function probeFolders(named: readonly string[]): string[] {
  if (named.length > 0) return named.map(each => resolve(each));
  return inWorkspace ? probePackages() : [workspaceRoot];
}

/** What the probes' schemas say, read from what was built of them. */
async function probeShapes(folders: readonly string[]): Promise<ProbeShape[]> {
  const shapes: ProbeShape[] = [];
  for (const folder of folders) {
    const path = probeFile(folder);
    if (path === undefined || !existsSync(path)) {
      const hint = 'build it, and name its module as sonde.probe in its package.json';
      throw Object.assign(new Error(`read the probe in ${folder}: it is not built`), { hint });
    }
    const module = (await import(pathToFileURL(path).href)) as { default: { ir: ProbeShape } };
    shapes.push(module.default.ir);
  }
  return shapes;
}

function readResults(folders: readonly string[], required: readonly string[]): Found {
  const found: Found = { fresh: [], folders: new Map(), missing: [] };
  for (const folder of folders) {
    const digest = inputsDigest(folder);
    for (const { name } of allCells(readMatrix())) {
      const path = cellPath(folder, name);
      const about = `${relative(workspaceRoot, folder)} in ${name}`;
      const text = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
      const result = text === undefined ? undefined : (JSON.parse(text) as CellResult);
      if (result?.inputs === digest) {
        found.fresh.push(result);
        found.folders.set(result, folder);
      } else if (required.includes(name)) {
        const why = result === undefined ? 'it did not run' : 'its result is of other sources';
        found.missing.push(`${about}: ${why}`);
      }
    }
  }
  return found;
}

function readRecord(path: string): Compatibility | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Compatibility) : undefined;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${title}`, '', ...lines.map(line => `- ${line}`), ''];
}

/** Whether the Markdown beside a record is what the record prints. */
function markdownStale(path: string, recorded: Compatibility | undefined): string[] {
  const beside = path.replace(/\.json$/, '.md');
  const is = existsSync(beside) ? readFileSync(beside, 'utf8') : '';
  if (recorded === undefined || is === compatibilityMarkdown(recorded)) return [];
  return [`${relative(workspaceRoot, beside)} is not what the record prints`];
}

async function writeAll(
  folder: string,
  report: Compatibility,
  fresh: ReadonlyMap<CellResult, string>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const logs = await keepLogs(fresh, folder);
  await writeFile(join(folder, 'compatibility.json'), compatibilityText(report));
  await writeFile(join(folder, 'compatibility.md'), compatibilityMarkdown(report));
  await writeFile(join(folder, 'compatibility.html'), compatibilityHtml(report, logs));
}

/**
 * Runs `sonde-vm report` and returns its exit code: 1 when anything is red or over its budget, and
 * with `--check` when the record is stale. The findings go to standard output as Markdown.
 */
export async function reportCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const matrix = readMatrix();
  const wanted = commaList(values.cells);
  const required = selectCells(matrix, wanted.length > 0 ? wanted : ['fast']).map(c => c.name);
  const named = commaList(values.probes);
  const folders = probeFolders(named);
  const shapes = await probeShapes(folders);
  const { fresh, folders: ran, missing } = readResults(folders, required);
  const recorded = readRecord(values.record);
  const present = named.length > 0 ? undefined : shapes.map(each => each.name);
  const report = foldMatrix(matrix, fresh, recorded, present);
  const rows = budgetRows(fresh, recorded);
  const red = redOf(fresh);
  const others = (recorded?.probes ?? []).flatMap(each => each.cells);
  const elsewhere = redOf(others.filter(each => !required.includes(each.cell)));
  const over = rows.filter(row => row.over.length > 0);
  const stale = [
    ...missing,
    ...staleVerdicts(fresh, recorded),
    ...uncovered(matrix, shapes, recorded, required),
    ...markdownStale(values.record, recorded),
  ];
  await writeAll(resolve(values.out), report, ran);
  if (values.write) {
    await mkdir(dirname(values.record), { recursive: true });
    await writeFile(values.record, compatibilityText(report));
    const beside = values.record.replace(/\.json$/, '.md');
    await writeFile(beside, compatibilityMarkdown(report));
  }
  const counted = `${fresh.length} results of ${report.probes.length} probes, ${red.length} red`;
  const lines = [
    ...section('Red', red),
    ...section('Recorded as red in cells that are not asked for', elsewhere),
    ...section(values.check ? 'The record is stale' : 'Differs from the record', stale),
    '## Verifier',
    '',
    budgetTable(rows),
    '',
    counted,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  progress(`the page: ${join(resolve(values.out), 'compatibility.html')}`);
  if (values.check && stale.length > 0) {
    progress(`record it: ${recordCommand(['all'])}, then look at the difference`);
  }
  const failed = red.length + over.length + (values.check ? stale.length : 0);
  return failed > 0 ? 1 : 0;
}
