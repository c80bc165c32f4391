/**
 * A probe as `nx g` and `sonde-codegen new` make it: it generates and compiles as it stands.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { compileProbe } from './compile-bpf.js';
import { generateProbe, writeGenerated } from './generate.js';
import { newProbe } from './new-probe.js';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

t.setTimeout(120_000);

t.test('a new probe generates and compiles for both architectures', async t => {
  mkdirSync(join(PACKAGE, 'out'), { recursive: true });
  const root = mkdtempSync(join(PACKAGE, 'out/new-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(join(root, 'nx.json'), '{}');
  const files = await newProbe(root, 'socket-reads');
  for (const { path, text } of files) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  const probe = join(root, 'packages/probe-socket-reads');
  const written = writeGenerated(await generateProbe(probe));
  t.strictSame(written, [
    'packages/probe-socket-reads/src/gen/socket-reads.bpf.h',
    'packages/probe-socket-reads/src/gen/socket-reads-ir.ts',
    'packages/probe-socket-reads/src/gen/socket-reads.ts',
  ]);
  t.equal(compileProbe(probe).length, 2);
  await t.rejects(newProbe(root, 'socket-reads'), {
    message: /^make probe socket-reads: packages\/probe-socket-reads\/\S+ exists already$/,
  });
  await t.rejects(newProbe(root, 'Socket'), TypeError);
});
