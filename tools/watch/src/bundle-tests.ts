/**
 * Bundles: the agent, once; and a probe's tests from their sources, again after each save.
 *
 * What a reader would get wrong: tests are bundled from TypeScript, not from what `tsc` compiled,
 * so that a save costs some ten milliseconds; types are checked by the build, not here.
 */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, context, type BuildContext, type Plugin } from 'esbuild';

/** Modules that the agent has loaded; `agent.ts` holds them under these names. */
const PRELOADED = /^(?:tap|@sonde\/vm-tests\/kit|@sonde\/core(?:\/[a-z]+)?)$/;
/** Native code and WebAssembly, found in node_modules wherever the agent runs. */
const NATIVE = ['koffi', 'iced-x86', 'gecko-profiler-demangle'];
/** Tests that go through every Go release: minutes under emulation, so only on demand. */
const SWEEP = /(?:^|\/)releases\.kernel\.test\.ts$/;

const BANNER = `import { createRequire as sondeCreateRequire } from 'node:module';
const require = sondeCreateRequire(import.meta.url);
const __filename = new URL(import.meta.url).pathname;
const __dirname = __filename.replace(/\\/[^/]*$/, '');`;

const COMMON = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: NATIVE,
  logLevel: 'silent',
} as const;

/** tap crashes when it is bundled through its own entry point: its CommonJS build does not. */
function tapEntry(): string {
  const require = createRequire(import.meta.url);
  for (let at = dirname(require.resolve('tap')); at !== dirname(at); at = dirname(at)) {
    const candidate = join(at, 'dist/commonjs/index.js');
    if (existsSync(candidate)) return candidate;
  }
  throw new Error('bundle the agent: tap has no CommonJS build');
}

/** Writes the agent, whole, to `outfile`. */
export async function bundleAgent(outfile: string): Promise<void> {
  await build({
    ...COMMON,
    entryPoints: [fileURLToPath(new URL('./agent.js', import.meta.url))],
    outfile,
    alias: { tap: tapEntry() },
    banner: { js: BANNER },
  });
}

const PRELOADED_PLUGIN: Plugin = {
  name: 'preloaded',
  setup(setup) {
    setup.onResolve({ filter: PRELOADED }, ({ path }) => ({ path, namespace: 'preloaded' }));
    setup.onLoad({ filter: /.*/, namespace: 'preloaded' }, ({ path }) => ({
      // A default import from CommonJS is the whole module, so one that has a default is only that.
      contents: `const m = globalThis.sondePreloaded[${JSON.stringify(path)}];
module.exports = m.default ?? m;`,
      loader: 'js',
    }));
  },
};

/** The test files of a probe, absolute, without the sweep over Go releases unless `all`. */
export function testFiles(probeDir: string, all: boolean): string[] {
  const sources = join(probeDir, 'src');
  return readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.kernel.test.ts') && (all || !SWEEP.test(name)))
    .sort()
    .map(name => join(sources, name));
}

/** A bundle that is made again quickly; `rebuild` rejects with esbuild's own places and words. */
export function testContext(
  probeDir: string,
  files: readonly string[],
  outfile: string,
): Promise<BuildContext> {
  const imports = files.map(file => `import ${JSON.stringify(`./${relative(probeDir, file)}`)};`);
  return context({
    ...COMMON,
    stdin: { contents: imports.join('\n'), resolveDir: probeDir, sourcefile: 'tests.mjs' },
    outfile,
    // Objects are found by SONDE_OBJECT_DIR; this only has to be an address.
    define: { 'import.meta.url': '"file:///nowhere/"' },
    plugins: [PRELOADED_PLUGIN],
    tsconfigRaw: '{}',
  });
}
