/**
 * `npx nx run vm-tests:workflows [--check | --run FILE [--jobs LIST]]`: writes the workflow files,
 * says which are stale, or runs a workflow's commands here.
 *
 * The fact readers get wrong: `--run` needs no service and no container, and runs what a machine of
 * the service would run after it was prepared; guests boot for every row of the matrix.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { commaList, progress } from '../command-line.js';
import { workspaceRoot } from '../surroundings.js';
import { readMatrix } from '../matrix.js';
import { workflowFiles } from './files.js';
import { localSteps, preparesMachine, runLocally } from './local-run.js';

function staleFiles(files: Readonly<Record<string, string>>): string[] {
  return Object.entries(files)
    .filter(([path, text]) => {
      const full = join(workspaceRoot, path);
      return !existsSync(full) || readFileSync(full, 'utf8') !== text;
    })
    .map(([path]) => path);
}

async function runHere(file: string, jobs: readonly string[]): Promise<number> {
  const path = join(workspaceRoot, '.github/workflows', basename(file));
  const all = localSteps(readFileSync(path, 'utf8'), jobs);
  const steps = all.filter(step => !preparesMachine(step));
  const print = (text: string): void => void process.stdout.write(text);
  const { results } = await runLocally(steps, workspaceRoot, print);
  for (const { job, name, exitCode } of results) print(`${exitCode}  ${job}: ${name}\n`);
  print(`left out, for they prepare a machine: ${all.length - steps.length} steps\n`);
  return results.every(each => each.exitCode === 0) ? 0 : 1;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      check: { type: 'boolean', default: false },
      run: { type: 'string' },
      jobs: { type: 'string' },
    },
  });
  if (values.run !== undefined) return runHere(values.run, commaList(values.jobs));
  const files = workflowFiles(readMatrix());
  const stale = staleFiles(files);
  if (values.check) {
    for (const path of stale) progress(`${path} is stale; run npx nx run vm-tests:workflows`);
    return stale.length === 0 ? 0 : 1;
  }
  for (const path of stale) {
    const full = join(workspaceRoot, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, files[path] ?? '');
    process.stdout.write(`${path}\n`);
  }
  return 0;
}

process.exitCode = await main();
