/**
 * The Nx plugin that gives a project its unit tests: no project lists one by hand. `*.test.ts`
 * beside the sources makes `test`, which in probes is called `unit`, because their `test` is the
 * kernel tests. What a reader would get wrong: a kernel test is never a unit test. It needs a
 * kernel that takes BPF programs, and its targets come from tools/codegen.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ root: string, probe: boolean, plain: boolean, kernel: boolean }} TestFile */

/**
 * The project a test file belongs to, and how it is run.
 *
 * @param {string} file path from the repository's root
 * @returns {TestFile | undefined} `plain`: an .mjs that runs as it is, without a build; undefined
 *   for
 *   files outside any project
 */
export function projectOf(file) {
  const root = /^(?:(?:packages|tools)\/[^/]+|vm-tests|docs|bench)(?=\/)/.exec(file)?.[0];
  if (root === undefined) return undefined;
  const kernel = /\.kernel\.test\.ts$/.test(file);
  return {
    root,
    probe: root.startsWith('packages/probe-'),
    plain: file.endsWith('.mjs'),
    kernel,
  };
}

/**
 * @param {boolean} plain
 * @param {string} up the way from the project to the repository's root
 * @returns {import('@nx/devkit').TargetConfiguration} a target that runs unit tests
 */
function unitTarget(plain, up) {
  return {
    executor: 'nx:run-commands',
    cache: true,
    dependsOn: plain ? [] : ['build', '^bpf'],
    inputs: ['default', '^default', '{workspaceRoot}/tools/setup/unit-tests.mjs'],
    outputs: ['{projectRoot}/out/unit/unit.tap'],
    options: { cwd: '{projectRoot}', command: `node ${up}tools/setup/unit-tests.mjs` },
  };
}

/**
 * The targets that some test files of one project make.
 *
 * @param {readonly TestFile[]} files at least one, all of the same project
 * @returns {Record<string, import('@nx/devkit').TargetConfiguration>}
 */
export function testTargets(files) {
  /** @type {Record<string, import('@nx/devkit').TargetConfiguration>} */
  const targets = {};
  for (const { root, probe, plain, kernel } of files) {
    const up = root.replaceAll(/[^/]+/g, '..') + '/';
    if (!kernel) targets[probe ? 'unit' : 'test'] = unitTarget(plain, up);
  }
  return targets;
}

/**
 * What Nx calls with every test file of the workspace; gives each project its targets.
 *
 * @type {import('@nx/devkit').CreateNodesV2}
 */
export const createNodesV2 = [
  '**/*.test.{ts,mjs}',
  (names, _options, context) => {
    /** @type {Map<string, { name: string, files: TestFile[] }>} */
    const roots = new Map();
    for (const name of names) {
      const file = projectOf(name);
      if (file === undefined) continue;
      const described = ['package.json', 'project.json'].some(manifest =>
        existsSync(join(context.workspaceRoot, file.root, manifest)),
      );
      if (!described) continue;
      const known = roots.get(file.root) ?? { name, files: [] };
      known.files.push(file);
      roots.set(file.root, known);
    }
    return [...roots].map(([root, { name, files }]) => [
      name,
      { projects: { [root]: { root, targets: testTargets(files) } } },
    ]);
  },
];
