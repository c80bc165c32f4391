/**
 * The tutorial's blocks, put together, are the probe that this repository has, and they are
 * generated, compiled, tested and run. What a reader would get wrong: the test on a kernel is the
 * page's own, and the package as well; schema and program are the probe's to the byte.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { blocksOf, CELL, HOST, readPage, ROOT, run, runsAsShown } from './page.mjs';

const PAGE = readPage('tutorial-offcpu.md');
const PROBE = 'packages/probe-offcpu';
/** Two levels below the root, as packages/probe-x is, so ../../ is the root. */
const FOLDER = join('out', 'probe-offcpu');

// A guest that is built and booted takes longer than tap's half a minute.
t.setTimeout(0);

/** @type {Map<string, string>} */
const files = new Map();
for (const { file, text } of blocksOf(PAGE)) {
  if (file !== undefined) files.set(file, (files.get(file) ?? '') + text);
}

t.test("schema and program are the probe's own", async t => {
  for (const file of ['src/schema.ts', 'src/offcpu.bpf.c', 'src/probe.ts']) {
    const page = (files.get(file) ?? '').split('\n');
    const own = readFileSync(join(ROOT, PROBE, file), 'utf8').split('\n');
    const line = own.findIndex((text, index) => text !== page[index]);
    const differs = `${file}:${line + 1}: the probe has ${own[line]}, the page ${page[line]}`;
    t.ok(line < 0 && page.length === own.length, line < 0 ? `${file}: every line` : differs);
  }
});

t.test('it is generated, compiled, tested and run as the page says', async t => {
  rmSync(join(ROOT, FOLDER), { recursive: true, force: true });
  for (const [file, text] of files) {
    const path = join(ROOT, FOLDER, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text.replace('../core/tsconfig', '../../packages/core/tsconfig'));
  }
  /** @type {string[]} */
  const outputs = [];
  for (const { language, text } of blocksOf(PAGE)) {
    if (language !== 'sh') continue;
    for (const line of text.trim().split('\n')) {
      const [command = '', ...args] = line.replace(PROBE, FOLDER).split(' ');
      outputs.push(run(t, command, args));
    }
  }
  t.equal(outputs.length, 4, 'commands of the page');
  const place = HOST ? 'host' : CELL;
  t.match(outputs.at(-1), new RegExp(`^ok +probe-offcpu in ${place}: .*, 5 events`, 'm'));
  if (!HOST) return;
  const how = { folder: FOLDER, workload: 'waits', command: 'sleep 1 20' };
  const args = ['offcpu', '--min-ns', '10ms'];
  t.match(await runsAsShown(t, PAGE, { ...how, args }), /^block +\d.* ms +#1 .* \d+ +sleep$/);
});
