/**
 * The Nx plugin: a `packages/probe-*\/src/schema.ts` makes that package's targets, no project.json.
 * `codegen` prints C and TypeScript, `bpf` compiles for both architectures, `build` type-checks,
 * `test` runs on real kernels. What a reader would get wrong: this file is loaded before anything
 * is built, right after `npm ci`, so it imports nothing that is built and evaluates no schema; that
 * happens inside the targets.
 */
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kernelTargets, readCells } from './kernel-targets.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));

/** The files that make targets. */
const WATCHED = [
  'packages/probe-*/src/schema.ts',
  '{packages,tools}/*/src/**/*.kernel.test.ts',
  'vm-tests/src/**/*.kernel.test.ts',
];

/** What decides the printers' output besides the schema. */
const PRINTERS = [
  '{workspaceRoot}/packages/core/src/schema/**/*.ts',
  '{workspaceRoot}/tools/codegen/src/**/*.ts',
  '{workspaceRoot}/tools/codegen/templates/**/*',
  '{workspaceRoot}/package-lock.json',
  '!{workspaceRoot}/**/*.test.ts',
];

/** Compiler and headers: another version of either makes another object. */
const COMPILERS = [
  { env: 'CLANG' },
  { env: 'LLVM_STRIP' },
  { runtime: '"${CLANG:-clang}" --version' },
  { runtime: '"${LLVM_STRIP:-llvm-strip}" --version' },
  { runtime: 'cat /usr/include/bpf/libbpf_version.h /usr/include/bpf/bpf_helpers.h || true' },
];

/** What an object is made of. */
const OBJECT_SOURCES = [
  '{projectRoot}/src/**/*.bpf.c',
  '{projectRoot}/src/**/*.bpf.h',
  '{workspaceRoot}/packages/core/bpf/**/*.h',
  '{workspaceRoot}/tools/codegen/src/compile-bpf.ts',
];

/** What runs kernel tests, and which builds of Go programs they are run on. */
const RUNNER = [
  '{workspaceRoot}/tools/codegen/executors/**/*',
  '{workspaceRoot}/vm-tests/**/*',
  '!{workspaceRoot}/vm-tests/dist/**/*',
  '!{workspaceRoot}/vm-tests/**/*.md',
  { env: 'SONDE_BUILDS' },
];

/**
 * What decides the results of a project's kernel tests beside its sources and those it depends on.
 * Unit tests do not; the tests themselves are named from the workspace's root, because a pattern
 * that leaves files out of a project wins over one that takes some of them in.
 *
 * @param {string} root
 * @returns {NonNullable<import('@nx/devkit').TargetConfiguration['inputs']>}
 */
function testedInputs(root) {
  const own = `{workspaceRoot}/${root}/src/**/*.kernel.test.ts`;
  return ['tested', '^tested', own, ...COMPILERS, ...RUNNER];
}

/**
 * The targets of one probe.
 *
 * @param {string} root the probe's folder, from the workspace's root
 * @param {string} bin how `sonde-codegen` is started
 * @param {readonly import('./kernel-targets.mjs').CellName[]} cells of the matrix
 * @returns {Record<string, import('@nx/devkit').TargetConfiguration>}
 */
export function probeTargets(root, bin, cells) {
  return {
    codegen: {
      executor: 'nx:run-commands',
      cache: true,
      dependsOn: [{ projects: ['core', 'codegen'], target: 'build' }],
      inputs: ['{projectRoot}/src/schema.ts', '{projectRoot}/src/schema/**/*.ts', ...PRINTERS],
      outputs: ['{projectRoot}/src/gen'],
      options: { command: `${bin} ${root}`, cwd: '{workspaceRoot}' },
      metadata: { description: 'Prints the C header and the decoder from src/schema.ts' },
    },
    bpf: {
      executor: 'nx:run-commands',
      cache: true,
      dependsOn: ['codegen'],
      inputs: [...OBJECT_SOURCES, ...COMPILERS],
      outputs: ['{projectRoot}/dist/bpf'],
      options: { command: `${bin} bpf ${root}`, cwd: '{workspaceRoot}' },
      metadata: { description: 'Compiles src/*.bpf.c for x86_64 and arm64' },
    },
    build: { dependsOn: ['^build', 'codegen'] },
    watch: {
      executor: 'nx:run-commands',
      continuous: true,
      dependsOn: [{ projects: ['watch'], target: 'build' }],
      options: { command: `node tools/watch/dist/main.js ${root}`, cwd: '{workspaceRoot}' },
      metadata: { description: 'Save the schema, the program or a test; see the verdict' },
    },
    ...kernelTargets({
      root,
      all: 'test',
      cells,
      dependsOn: ['build', 'bpf'],
      inputs: [
        ...testedInputs(root),
        ...OBJECT_SOURCES,
        '!{workspaceRoot}/vm-tests/src/**/*.test.ts',
      ],
    }),
  };
}

/**
 * The targets of a project that is no probe and has kernel tests. Those of the command line start
 * `sonde` with every probe that it depends on.
 *
 * @param {string} root
 * @param {readonly import('./kernel-targets.mjs').CellName[]} cells of the matrix
 * @returns {Record<string, import('@nx/devkit').TargetConfiguration>}
 */
export function otherTargets(root, cells) {
  return kernelTargets({
    root,
    all: 'kernel',
    cells,
    dependsOn: ['build', 'bpf', '^bpf', { projects: ['vm-tests'], target: 'build' }],
    inputs: [...testedInputs(root), '{workspaceRoot}/packages/core/bpf/**/*.h'],
  });
}

/**
 * What Nx calls with every schema and every kernel test that it finds: each gives its project its
 * targets.
 *
 * @type {import('@nx/devkit').CreateNodesV2}
 */
export const createNodesV2 = [
  `{${WATCHED.join(',')}}`,
  (files, _options, context) => {
    const main = relative(context.workspaceRoot, join(HERE, 'dist/main.js')).split(sep).join('/');
    const cells = readCells(context.workspaceRoot);
    /** @type {Map<string, string>} */
    const roots = new Map();
    for (const file of files) {
      const root = file.slice(0, file.indexOf('/src/'));
      const isProbe = root.startsWith('packages/probe-');
      // A probe is known by its schema; its tests add nothing.
      if (!isProbe || file.endsWith('/schema.ts')) roots.set(root, file);
    }
    return [...roots].map(([root, file]) => {
      const targets = root.startsWith('packages/probe-')
        ? probeTargets(root, `node ${main}`, cells)
        : otherTargets(root, cells);
      return [file, { projects: { [root]: { root, targets } } }];
    });
  },
];
