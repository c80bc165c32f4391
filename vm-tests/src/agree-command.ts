/**
 * `sonde-vm agree`: holds what a project's tests have left in several places against each other,
 * after they ran apart.
 *
 * The fact readers get wrong: a cell's own run cannot fail by this. Each was green or red for
 * itself before; here the kernels of one architecture have to have found the same.
 */
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compareKernels } from './lanes/agreement.js';
import { projectFolders } from './lanes/projects.js';
import { tapPath } from './lanes/results.js';
import { brokenSuite, judgeSuite, verdictLine, type SuiteVerdict } from './lanes/verdict.js';
import { readMatrix } from './matrix.js';
import { HOST, placesOf } from './plan.js';

/** What one place has left; nothing for a host that did not run. */
function readVerdict(folder: string, name: string, place: string): SuiteVerdict[] {
  const path = tapPath(folder, place);
  if (existsSync(path)) {
    return [judgeSuite(name, place, readFileSync(path, 'utf8').split('\n'), 0)];
  }
  return place === HOST ? [] : [brokenSuite(name, place, `it has left no ${path}`)];
}

/** Runs `sonde-vm agree`: exit code 1 when a place has no result, or kernels do not agree. */
export async function agreeCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { cells: { type: 'string' }, lane: { type: 'string' } },
  });
  const { cells, host } = placesOf(readMatrix(), values);
  const places = [...(host === 'never' ? [] : [HOST]), ...cells.map(cell => cell.name)];
  let failed = 0;
  for (const { folder, name } of projectFolders(positionals)) {
    const found = places.flatMap(place => readVerdict(folder, name, place));
    const compared = compareKernels(found);
    const bad = compared.filter(verdict => !verdict.ok);
    for (const verdict of bad) process.stdout.write(`${verdictLine(verdict)}\n`);
    failed += bad.length;
    const events = compared.reduce((sum, verdict) => sum + verdict.compared, 0);
    const where = compared.map(verdict => verdict.cell).join(', ');
    process.stdout.write(`${name}: ${events} events compared in ${where || 'no place'}\n`);
  }
  return failed === 0 ? 0 : 1;
}
