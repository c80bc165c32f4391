/** Results of cells that ran apart, held against each other as files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { agreeCommand } from './agree-command.js';
import { readMatrix, selectCells } from './matrix.js';

const [arch] = readMatrix().architectures;
const cells = selectCells(readMatrix(), [arch?.name ?? '']).map(cell => cell.name);

/** A project whose cells have found what is given, in the order of the matrix. */
function project(t: Test, findings: readonly string[]): string {
  const folder = t.testdir({ 'package.json': JSON.stringify({ name: '@sonde/probe-x' }) });
  mkdirSync(join(folder, 'out/tap'), { recursive: true });
  for (const [index, finding] of findings.entries()) {
    const tap = ['TAP version 14', `# same stacks ${finding}`, '# compared 3', 'ok 1 - a', '1..1'];
    writeFileSync(join(folder, 'out/tap', `${cells[index] ?? ''}.tap`), `${tap.join('\n')}\n`);
  }
  return folder;
}

const agree = (folder: string, count: number): Promise<number> =>
  agreeCommand(['--lane', 'guest', '--cells', cells.slice(0, count).join(','), folder]);

t.test('cells that found the same agree', async t => {
  t.equal(await agree(project(t, ['aa', 'aa', 'aa']), 3), 0);
});

t.test('a cell that found something else fails', async t => {
  t.equal(await agree(project(t, ['aa', 'aa', 'bb']), 3), 1);
});

t.test('a cell without a result fails, and only where it was asked for', async t => {
  const folder = project(t, ['aa', 'aa']);
  t.equal(await agree(folder, 3), 1);
  t.equal(await agree(folder, 2), 0);
});

t.test('a host that did not run is no failure', async t => {
  const folder = project(t, ['aa']);
  t.equal(await agreeCommand(['--cells', cells[0] ?? '', folder]), 0);
});
