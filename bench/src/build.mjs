// @ts-check
/**
 * Builds what the benchmarks measure against, into bench/out: the C tools, the BPF objects, the Go
 * program and the generated decoder. Everything is rebuilt in every run: a stale baseline lies.
 */
import { build } from 'esbuild';
import { execaSync } from 'execa';
import { mkdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const BENCH = fileURLToPath(new URL('..', import.meta.url));

/** Folder of what was built. */
export const OUT = `${BENCH}out`;

/** @type {Map<string, string>} */
const built = new Map();

/**
 * Builds once in this process; later calls cost nothing, so that none lies inside a measurement
 * whose warm-up has run.
 * @param {string} what
 * @param {() => string} make
 */
function once(what, make) {
  const path = built.get(what) ?? make();
  built.set(what, path);
  return path;
}

/**
 * Compiles `native/NAME.bpf.c` and returns the object's path.
 * @param {string} name
 */
export function bpfObject(name) {
  return once(`${name}.bpf.o`, () => compileObject(name));
}

/** @param {string} name */
function compileObject(name) {
  mkdirSync(OUT, { recursive: true });
  const object = `${OUT}/${name}.bpf.o`;
  const multiarch = execaSync('gcc', ['-print-multiarch']).stdout.trim();
  execaSync('clang', [
    ...['-O2', '-g', '-target', 'bpf', `-I/usr/include/${multiarch}`],
    ...['-c', `${BENCH}native/${name}.bpf.c`, '-o', object],
  ]);
  return object;
}

/**
 * Compiles `native/NAME.c` against libbpf and returns the program's path.
 * @param {string} name
 */
export function cProgram(name) {
  return once(name, () => compileProgram(name));
}

/** @param {string} name */
function compileProgram(name) {
  mkdirSync(OUT, { recursive: true });
  execaSync('gcc', [
    ...['-O2', '-Wall', '-o', `${OUT}/${name}`, `${BENCH}native/${name}.c`],
    ...['-lbpf', '-lelf', '-lz'],
  ]);
  return `${OUT}/${name}`;
}

/** Builds the paced Go program and returns its path. */
export function pacedProgram() {
  mkdirSync(OUT, { recursive: true });
  execaSync('go', ['build', '-o', `${OUT}/paced`, '.'], {
    cwd: `${BENCH}native/paced`,
    env: { CGO_ENABLED: '1', GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' },
  });
  return `${OUT}/paced`;
}

/** Bundles the generated decoder of `records/` and imports it. */
export async function recordsDecoder() {
  const outfile = `${OUT}/records.mjs`;
  await build({
    entryPoints: [`${BENCH}records/src/gen/records.ts`],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'error',
  });
  return import(pathToFileURL(outfile).href);
}
