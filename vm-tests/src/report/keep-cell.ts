/**
 * Writes `out/cells/CELL.json` of a probe after its tests ran in a cell, with the logs it names.
 *
 * The fact readers get wrong: the digest is over what the kernel and the tests are given (schema,
 * BPF sources, headers, kernel tests), not over objects, so that two compilers give the same one.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { readEvidence } from '../kit/evidence.js';
import type { TestSuite } from '../lanes/bundle.js';
import { ownPackage } from '../surroundings.js';
import type { SuiteVerdict } from '../lanes/verdict.js';
import { foldCell } from './cell-result.js';

const SOURCES = /\.(?:bpf\.c|bpf\.h|kernel\.test\.ts)$|(?:^|\/)schema(?:\/[\w-]+)?\.ts$/;

function filesBelow(folder: string, wanted: RegExp): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => wanted.test(name))
    .sort()
    .map(name => join(folder, name));
}

/** Digest of what was tested: 16 hex digits, the same on every machine. */
export function inputsDigest(folder: string): string {
  const hash = createHash('sha256');
  const headers = filesBelow(join(ownPackage('core') ?? '', 'bpf'), /\.h$/);
  for (const path of [...filesBelow(join(folder, 'src'), SOURCES), ...headers]) {
    hash
      .update(path.slice(path.lastIndexOf('/')))
      .update('\0')
      .update(readFileSync(path));
  }
  return hash.digest('hex').slice(0, 16);
}

let compilerAsked: Promise<string> | undefined;

/** The compiler in words, such as `clang 14`; empty where there is none. */
function compiler(): Promise<string> {
  const clang = process.env['CLANG'] ?? 'clang';
  compilerAsked ??= execa(clang, ['--version'], { reject: false }).then(({ stdout = '' }) => {
    const major = /version (\d+)/.exec(String(stdout))?.[1];
    return major === undefined ? '' : `clang ${major}`;
  });
  return compilerAsked;
}

/** The file of one probe in one cell. */
export function cellPath(folder: string, cell: string): string {
  return join(folder, 'out/cells', `${cell}.json`);
}

/** Removes what an earlier run of these cells has left. */
export async function forgetCells(folder: string, cells: readonly string[]): Promise<void> {
  for (const cell of cells) {
    await rm(cellPath(folder, cell), { force: true });
    await rm(join(folder, 'out/cells', cell), { recursive: true, force: true });
  }
}

/** Folds and keeps what a suite has shown; nothing for a suite that is no probe's. */
export async function keepCell(
  suite: TestSuite,
  verdict: SuiteVerdict,
  lines: readonly string[],
  run: { readonly kernel: string; readonly outDir: string },
): Promise<void> {
  const { cell, ok, reasons } = verdict;
  const facts = {
    cell,
    kernel: run.kernel,
    date: new Date().toISOString().slice(0, 10),
    inputs: inputsDigest(suite.folder),
    compiler: await compiler(),
    ok,
    reasons,
  };
  const result = foldCell(facts, readEvidence(lines));
  if (result === undefined) return;
  const logs = join(run.outDir, cell, 'verifier', result.probe);
  await mkdir(join(suite.folder, 'out/cells'), { recursive: true });
  if (existsSync(logs)) await cp(logs, join(suite.folder, 'out/cells', cell), { recursive: true });
  await writeFile(cellPath(suite.folder, cell), `${JSON.stringify(result, null, 1)}\n`);
}
