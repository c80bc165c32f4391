/**
 * Bundles each package's kernel tests into one file that runs with nothing but Node, koffi and
 * libbpf.
 *
 * One process per package: under emulation a process costs two seconds, most of it loading, and a
 * package's tests share one. The facts readers get wrong: tap crashes when it is bundled through
 * its own entry point, so it is aliased to its CommonJS build; and what runs is the compiled
 * output, so a stale dist is tested as it is.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { build } from 'esbuild';
import { packageFolder } from '../images/userland.js';
import { packageRoot } from '../matrix.js';
import type { Traced } from '../releases.js';
import { readManifest } from '../surroundings.js';

/** The kernel tests of one package. */
export interface TestSuite {
  /** The project's short name: `probe-mallocgc`. */
  readonly name: string;
  /** Absolute folder of the package. */
  readonly folder: string;
  /** Compiled test files, absolute. */
  readonly files: readonly string[];
  /** The module of its probe, absolute, where the package is one: surveyed after its tests. */
  readonly probe?: string;
  /** What its package.json says of the programs that its tests trace. */
  readonly traced: Traced;
}

/** Files ending so are kernel tests, once compiled. */
const SUFFIX = '.kernel.test.js';
/** Loaded from node_modules wherever the bundle runs: native code and WebAssembly. */
const EXTERNAL = ['koffi', 'iced-x86', 'gecko-profiler-demangle'];

/** What CommonJS modules inside an ES module expect to find. */
const BANNER = `import { createRequire as sondeCreateRequire } from 'node:module';
const require = sondeCreateRequire(import.meta.url);
const __filename = new URL(import.meta.url).pathname;
const __dirname = __filename.replace(/\\/[^/]*$/, '');`;

/** Whether a compiled test is still one: the compiler leaves behind what was renamed or removed. */
function hasSource(folder: string, compiled: string): boolean {
  const sources = join(folder, 'src');
  return !existsSync(sources) || existsSync(join(sources, compiled.replace(/\.js$/, '.ts')));
}

/** Returns the suite of a package folder. Throws when it has no compiled kernel tests. */
export async function testSuite(folder: string): Promise<TestSuite> {
  const manifest = readManifest(folder);
  const name = manifest.nx?.name ?? basename(manifest.name);
  const dist = join(folder, 'dist');
  const all = existsSync(dist) ? await readdir(dist, { recursive: true }) : [];
  const files = all.filter(f => f.endsWith(SUFFIX) && hasSource(folder, f)).sort();
  if (files.length === 0) {
    throw new Error(`collect kernel tests of ${name}: no *${SUFFIX} in ${dist}; build it first`);
  }
  const probe = manifest.sonde?.probe;
  const { workloads: named, goReleases } = manifest.sonde ?? {};
  // Those that the package brings itself are built in any case.
  const workloads = named?.filter(each => !existsSync(join(folder, 'workloads', each)));
  const traced = { ...(workloads && { workloads }), ...(goReleases && { goReleases }) };
  const suite = { name, folder, files: files.map(f => join(dist, f)), traced };
  return probe === undefined ? suite : { ...suite, probe: join(folder, probe) };
}

/** What the bundle is made of: the tests, and after them the survey of the package's probe. */
function contentsOf(suite: TestSuite): string {
  const from = (path: string): string => JSON.stringify(path);
  const tests = suite.files.map(file => `import ${from(`./${relative(suite.folder, file)}`)};`);
  if (suite.probe === undefined) return tests.join('\n');
  return [
    ...tests,
    `import t from 'tap';`,
    `import { surveyProbe } from ${from(join(packageRoot, 'dist/kit/survey.js'))};`,
    `import probe from ${from(suite.probe)};`,
    'surveyProbe(t, probe);',
  ].join('\n');
}

/** Writes `outDir/<suite>.mjs` and returns its path. Throws esbuild's own error, with its place. */
export async function bundleSuite(suite: TestSuite, outDir: string): Promise<string> {
  const tap = packageFolder('tap');
  if (!tap) throw new Error('bundle tests: tap is not in node_modules; run npm ci');
  const outfile = join(outDir, `${suite.name}.mjs`);
  await build({
    stdin: { contents: contentsOf(suite), resolveDir: suite.folder, sourcefile: 'suite.mjs' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: EXTERNAL,
    alias: { tap: join(tap, 'dist/commonjs/index.js') },
    banner: { js: BANNER },
    logLevel: 'silent',
  });
  return outfile;
}
