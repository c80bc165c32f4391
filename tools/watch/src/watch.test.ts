/**
 * Rounds of a new probe, as its author makes them: right, refused by the verifier, not C, wrong
 * about what happens, and right again. On this machine's kernel where that works, else in a guest.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newProbe, writeGenerated } from '@sonde/codegen';
import { withScratch } from '@sonde/vm-tests';
import t from 'tap';
import { bpfArch, chooseCell, openPlace } from './place.js';
import { Rounds } from './round.js';

// A guest may have to be built and booted first.
t.setTimeout(600_000);

/** A repository of its own, inside this package so that modules are found. */
const ROOT = fileURLToPath(new URL('../out/watched', import.meta.url));
const PROBE = join(ROOT, 'packages/probe-watched');
const SOURCE = join(PROBE, 'src/watched.bpf.c');

t.test('each save has its verdict', async t => {
  rmSync(ROOT, { recursive: true, force: true });
  mkdirSync(ROOT, { recursive: true });
  writeFileSync(join(ROOT, 'nx.json'), '{}\n');
  // By this file a repository of probes is told from anybody's folder.
  mkdirSync(join(ROOT, 'packages/core/bpf'), { recursive: true });
  writeFileSync(join(ROOT, 'packages/core/bpf/sonde.bpf.h'), '');
  t.teardown(() => rmSync(ROOT, { recursive: true, force: true }));
  writeGenerated(await newProbe(ROOT, 'watched'));
  const right = readFileSync(SOURCE, 'utf8');
  const quiet = (): void => undefined;
  const cell = await chooseCell(undefined, quiet);
  await withScratch(async folder => {
    const place = await openPlace(PROBE, cell, folder, quiet);
    const rounds = new Rounds({ probeDir: PROBE, arch: bpfArch(cell), place, folder, all: false });
    const save = async (text: string) => {
      writeFileSync(SOURCE, text);
      return rounds.run();
    };
    try {
      const first = await save(right);
      t.match(first.verdict, { ok: true, step: 'run', counts: /^\d+ passed, 0 failed/ });
      t.equal(first.written.length, 4, 'the generated files are written');
      t.type(first.times.generate, 'number');

      const unchecked = right.replace(/\tif \(!event\)\n\t\treturn 0;\n/, '');
      t.not(unchecked, right, 'the generated program compares the record with null');
      const refused = await save(unchecked);
      t.notOk(refused.verdict.ok);
      const said = refused.verdict.lines.join('\n');
      const line = /packages\/probe-watched\/src\/watched\.bpf\.c:(\d+): (.*)/.exec(said);
      t.equal(unchecked.split('\n')[Number(line?.[1]) - 1]?.trim(), line?.[2], 'the line is right');
      t.match(said, /may be null here/);
      t.match(said, /schema: call\.\w+, packages\/probe-watched\/src\/schema\.ts:\d+/);
      t.equal(refused.times.generate, undefined, 'the schema did not change');

      const broken = await save(right.replace('return 0;', 'return 0'));
      t.match(broken.verdict, { ok: false, step: 'compile', counts: '' });
      t.match(broken.verdict.lines.join('\n'), /watched\.bpf\.c:\d+:\d+: error: expected ';'/);

      const silent = await save(right.replace('->number = number;', '->number = ~number;'));
      t.notOk(silent.verdict.ok, 'a field that holds something else');
      t.match(silent.verdict.lines.join('\n'), /not ok/);

      t.ok((await save(right)).verdict.ok, 'and right again');
    } finally {
      place.close();
      await rounds.close();
    }
  });
});
