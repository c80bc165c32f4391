/**
 * A probe as `nx g` and `sonde-codegen new` make it: it generates and compiles as it stands.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { compileProbe } from './compile-bpf.js';
import { generateProbe, writeGenerated, type GeneratedFile } from './generate.js';
import { newProbe } from './new-probe.js';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

t.setTimeout(120_000);

/** An empty folder with an nx.json, so that it is a repository's root of its own. */
function emptyRoot(t: { teardown(handler: () => void): void }): string {
  mkdirSync(join(PACKAGE, 'out'), { recursive: true });
  const root = mkdtempSync(join(PACKAGE, 'out/new-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(join(root, 'nx.json'), '{}');
  return root;
}

async function writeProbe(root: string): Promise<void> {
  for (const { path, text } of await newProbe(root, 'socket-reads')) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

function compileAfterGenerating(files: readonly GeneratedFile[], probe: string): number {
  writeGenerated(files);
  return compileProbe(probe).length;
}

interface Manifest {
  readonly version: string;
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}

t.test('a new probe generates and compiles for both architectures', async t => {
  const root = emptyRoot(t);
  mkdirSync(join(root, 'packages/core/bpf'), { recursive: true });
  writeFileSync(join(root, 'packages/core/bpf/sonde.bpf.h'), '');
  await writeProbe(root);
  const probe = join(root, 'packages/probe-socket-reads');
  const written = writeGenerated(await generateProbe(probe));
  t.strictSame(written, [
    'packages/probe-socket-reads/src/gen/socket-reads.bpf.h',
    'packages/probe-socket-reads/src/gen/socket-reads.md',
    'packages/probe-socket-reads/src/gen/socket-reads-ir.ts',
    'packages/probe-socket-reads/src/gen/socket-reads.ts',
  ]);
  t.equal(compileProbe(probe).length, 2);
  await t.rejects(newProbe(root, 'socket-reads'), {
    message: /^make probe socket-reads: packages\/probe-socket-reads\/\S+ exists already$/,
  });
  await t.rejects(newProbe(root, 'Socket'), TypeError);
});

t.test('outside of the repository a probe is a package of its own', async t => {
  const root = emptyRoot(t);
  await writeProbe(root);
  const probe = join(root, 'socket-reads');
  t.equal(compileAfterGenerating(await generateProbe(probe), probe), 2);
  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  const { devDependencies, dependencies, scripts } = read(join(probe, 'package.json'));
  t.strictSame(Object.keys(scripts), ['generate', 'build', 'test', 'report', 'prepack']);
  const own = read(join(PACKAGE, 'package.json')).version;
  const workspace = read(join(PACKAGE, '../../package.json')).devDependencies;
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    t.equal(version, name.startsWith('@sonde/') ? own : workspace[name], name);
  }
  const text = readFileSync(join(probe, 'tsconfig.json'), 'utf8');
  t.notOk(text.includes('..'), 'nothing above its own folder is named');
});
