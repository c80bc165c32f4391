/**
 * The Nx plugin: a `packages/probe-*\/src/schema.ts` makes that package's targets, no project.json.
 * `codegen` prints C and TypeScript, `bpf` compiles for both architectures, `build` type-checks,
 * `test` runs on real kernels. What a reader would get wrong: this file is loaded before anything
 * is built, right after `npm ci`, so it imports nothing of ours and evaluates no schema; that
 * happens inside the targets.
 */
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));

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

/**
 * The targets of one probe.
 *
 * @param {string} root the probe's folder, from the workspace's root
 * @param {string} bin how `sonde-codegen` is started
 * @returns {Record<string, import('@nx/devkit').TargetConfiguration>}
 */
export function probeTargets(root, bin) {
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
    test: {
      executor: '@sonde/codegen:kernel-test',
      cache: true,
      dependsOn: ['build', 'bpf'],
      inputs: [
        'default',
        '^default',
        ...OBJECT_SOURCES,
        ...COMPILERS,
        '{workspaceRoot}/tools/codegen/executors/**/*',
        '{workspaceRoot}/vm-tests/**/*',
        '!{workspaceRoot}/vm-tests/dist/**/*',
        { env: 'SONDE_LANE' },
        { env: 'SONDE_CELLS' },
      ],
      outputs: ['{projectRoot}/out/tap', '{projectRoot}/out/cells'],
      options: {},
      metadata: { description: 'Runs src/*.kernel.test.ts on every kernel of the matrix' },
    },
  };
}

/**
 * What Nx calls with every schema that it finds: each gives its package its targets.
 *
 * @type {import('@nx/devkit').CreateNodesV2}
 */
export const createNodesV2 = [
  'packages/probe-*/src/schema.ts',
  (files, _options, context) => {
    const main = relative(context.workspaceRoot, join(HERE, 'dist/main.js')).split(sep).join('/');
    return files.map(file => {
      const root = dirname(dirname(file)).split(sep).join('/');
      return [
        file,
        { projects: { [root]: { root, targets: probeTargets(root, `node ${main}`) } } },
      ];
    });
  },
];
