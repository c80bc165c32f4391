/**
 * The targets of kernel tests: one for the host, one for each cell of vm-tests/matrix.json, and
 * what takes several together. What a reader would get wrong: SONDE_LANE and SONDE_CELLS choose
 * what a target depends on and never what a cell's own target is, so that a cell which passed is
 * answered from the cache whoever asks. This file is loaded before anything is built.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ name: string, kernel: string, architecture: string, set: string }} CellName */
/** @typedef {import('@nx/devkit').TargetConfiguration} Target */

/** From the narrowest set to the widest; each has the cells of those before it. */
const SETS = ['fast', 'full', 'nightly'];

const EXECUTOR = '@sonde/codegen:kernel-test';

/**
 * What every kernel test waits for where SONDE_GATHER is set, by those who run all of them: tasks
 * become a batch only when they are ready at the same moment, and each batch boots its own guests.
 * Nx does not take dependencies into a task's hash, so this makes no other task.
 *
 * @type {NonNullable<Target['dependsOn']>}
 */
const EVERY_BUILD = ['build', 'bpf'].map(target => ({ projects: ['*'], target }));

/**
 * Reads the names of the matrix's cells, kernels in the order of the file.
 *
 * @param {string} workspaceRoot
 * @returns {CellName[]} none where the workspace has no matrix
 */
export function readCells(workspaceRoot) {
  const path = join(workspaceRoot, 'vm-tests/matrix.json');
  if (!existsSync(path)) return [];
  /** @type {{ architectures: { name: string }[], kernels: any[] }} */
  const { architectures, kernels } = JSON.parse(readFileSync(path, 'utf8'));
  return kernels.flatMap(kernel =>
    architectures
      .map(each => each.name)
      .filter(name => kernel.architectures?.includes(name) ?? true)
      .map(architecture => ({
        name: `${kernel.name}-${architecture}`,
        kernel: kernel.name,
        architecture,
        set: kernel.set,
      })),
  );
}

/**
 * The cells that words select, as vm-tests' own program does: by name, kernel, architecture or set.
 *
 * @param {readonly CellName[]} cells
 * @param {readonly string[]} words
 * @returns {CellName[]} in the order of the matrix
 * @throws {Error} for a word that selects nothing
 */
export function chooseCells(cells, words) {
  /** @param {CellName} cell @param {string} word */
  const matches = (cell, word) =>
    word === 'all' ||
    (SETS.includes(word)
      ? SETS.indexOf(cell.set) <= SETS.indexOf(word)
      : [cell.name, cell.kernel, cell.architecture].includes(word));
  const unknown = words.find(word => !SETS.includes(word) && !cells.some(c => matches(c, word)));
  if (unknown !== undefined && cells.length > 0) {
    const names = cells.map(cell => cell.name).join(', ');
    throw new Error(`select cells: no cell ${unknown}; there are ${names}`);
  }
  return cells.filter(cell => words.some(word => matches(cell, word)));
}

/**
 * A target that runs tests in one place, with the files that they leave.
 *
 * @param {string} place a cell's name, or `host`
 * @param {Pick<Target, 'options' | 'inputs' | 'dependsOn'> & { about: string }} facts
 * @returns {Target}
 */
function placeTarget(place, { about, ...facts }) {
  return {
    executor: EXECUTOR,
    cache: true,
    ...facts,
    outputs: ['tap/NAME.tap', 'junit/NAME.xml', 'cells/NAME.json', 'cells/NAME'].map(
      path => `{projectRoot}/out/${path.replace('NAME', place)}`,
    ),
    metadata: { description: about },
  };
}

/**
 * A target that has others run and then compares what the kernels found.
 *
 * @param {string} root
 * @param {readonly string[]} dependsOn
 * @param {string} about
 * @param {string} flags
 * @returns {Target}
 */
function togetherTarget(root, dependsOn, about, flags = '') {
  return {
    executor: 'nx:run-commands',
    dependsOn: [...dependsOn],
    options: {
      command: `node vm-tests/dist/main.js agree ${flags}${root}`,
      cwd: '{workspaceRoot}',
    },
    metadata: { description: about },
  };
}

/**
 * The targets of one project with kernel tests.
 *
 * @param {object} project
 * @param {string} project.root its folder, from the workspace's root
 * @param {string} project.all the target that runs them on the host and in the fast cells
 * @param {readonly CellName[]} project.cells
 * @param {NonNullable<Target['dependsOn']>} project.dependsOn what has to be built before
 * @param {NonNullable<Target['inputs']>} project.inputs what decides the results
 * @param {Readonly<Record<string, string | undefined>>} [env]
 * @returns {Record<string, Target>}
 */
export function kernelTargets({ root, all, cells, dependsOn: own, inputs }, env = process.env) {
  const dependsOn = env['SONDE_GATHER'] ? [...own, ...EVERY_BUILD] : own;
  const words = (env['SONDE_CELLS'] ?? '').split(',').filter(Boolean);
  const lane = env['SONDE_LANE'] ?? '';
  const fast = chooseCells(cells, ['fast']);
  const chosen = words.length > 0 ? chooseCells(cells, words) : fast;
  const target = (/** @type {CellName} */ cell) => `test-vm--${cell.name}`;
  const host = placeTarget('host', {
    dependsOn,
    // Whether this kernel takes programs depends on it, and on what this user may do.
    inputs: [
      ...inputs,
      { env: 'SONDE_LANE' },
      { runtime: 'uname -srvm; grep CapEff /proc/self/status' },
    ],
    options: { lane: 'host', optional: true },
    about: 'Kernel tests on this kernel, where it takes BPF programs',
  });
  /** @type {Record<string, Target>} */
  const targets = { 'test-host': host };
  for (const cell of cells) {
    targets[target(cell)] = placeTarget(cell.name, {
      dependsOn,
      inputs,
      options: { lane: 'guest', cells: cell.name },
      about: `Kernel tests in a guest with kernel ${cell.kernel} on ${cell.architecture}`,
    });
  }
  targets['test-vm'] = togetherTarget(
    root,
    fast.map(target),
    'Kernel tests in every fast cell of the matrix',
    '--cells fast --lane guest ',
  );
  targets[all] = togetherTarget(
    root,
    [...(lane === 'guest' ? [] : ['test-host']), ...(lane === 'host' ? [] : chosen.map(target))],
    'Kernel tests on this kernel and in every fast cell, as SONDE_LANE and SONDE_CELLS choose',
  );
  return targets;
}
