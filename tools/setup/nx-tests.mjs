/**
 * The Nx plugin that gives a project its unit tests: every folder with `*.test.ts` beside its
 * sources gets a target, no project lists one by hand. Probes get `unit`, because their `test` is
 * the kernel tests of tools/codegen; every other project gets `test`.
 * What a reader would get wrong: `*.kernel.test.ts` is never a unit test. It needs a kernel that
 * takes BPF programs, and runs in the cells of vm-tests/matrix.json.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const PATTERN = '**/*.test.{ts,mjs}';

/**
 * The project a test file belongs to, and how its tests are found.
 *
 * @param {string} file path from the repository's root
 * @returns {{ root: string, probe: boolean, plain: boolean } | undefined} `plain`: an .mjs that
 *   runs as it is; undefined for kernel tests and files outside any project
 */
export function projectOf(file) {
  if (/\.kernel\.test\.ts$/.test(file)) return undefined;
  const root = /^(?:(?:packages|tools)\/[^/]+|vm-tests|docs|bench)(?=\/)/.exec(file)?.[0];
  if (root === undefined) return undefined;
  return { root, probe: root.startsWith('packages/probe-'), plain: file.endsWith('.mjs') };
}

/**
 * @param {boolean} plain
 * @param {string} up the way from the project to the repository's root
 * @returns {Record<string, unknown>} one unit test target
 */
function unitTarget(plain, up) {
  return {
    executor: 'nx:run-commands',
    cache: true,
    dependsOn: plain ? [] : ['build', '^bpf'],
    inputs: ['default', '^default', '{workspaceRoot}/tools/setup/unit-tests.mjs'],
    outputs: ['{projectRoot}/out/tap/unit.tap'],
    options: { cwd: '{projectRoot}', command: `node ${up}tools/setup/unit-tests.mjs` },
  };
}

/**
 * What Nx calls with every test file of the workspace; gives each project its unit test target.
 *
 * @type {import('@nx/devkit').CreateNodesV2}
 */
export const createNodesV2 = [
  PATTERN,
  (files, _options, context) => {
    /** @type {Map<string, { file: string, probe: boolean, plain: boolean }>} */
    const roots = new Map();
    for (const file of files) {
      const project = projectOf(file);
      if (project === undefined) continue;
      const known = existsSync(join(context.workspaceRoot, project.root, 'package.json'));
      const setup = existsSync(join(context.workspaceRoot, project.root, 'project.json'));
      if (known || setup) roots.set(project.root, { ...project, file });
    }
    return [...roots].map(([root, project]) => {
      const up = root.replaceAll(/[^/]+/g, '..') + '/';
      const name = project.probe ? 'unit' : 'test';
      const targets = { [name]: unitTarget(project.plain, up) };
      return [project.file, { projects: { [root]: { root, targets } } }];
    });
  },
];
