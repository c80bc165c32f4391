/**
 * The executor of kernel tests: one task boots its own cells; a batch of tasks boots each cell once
 * and runs every probe in it, each with a result of its own. What a reader would get wrong: this
 * file is loaded before anything is built, so it imports nothing of ours; it starts vm-tests'
 * program, which its target's dependencies have built.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @typedef {{ cells?: string, lane?: 'host' | 'guest' }} Options */
/** @typedef {import('@nx/devkit').ExecutorContext} Context */
/**
 * @typedef {{ name: string, ok: boolean, text: string }} SuiteResult one project's part of a run
 */
/**
 * @typedef {{ success: boolean, terminalOutput: string, startTime: number, endTime: number }}
 * TaskResult
 */

const PROGRAM = join('vm-tests', 'dist', 'main.js');

/**
 * Starts `sonde-vm run` and passes its output on.
 *
 * @param {string} root the workspace's folder
 * @param {readonly string[]} args after `run`
 * @returns {Promise<number>} its exit code
 */
function runProgram(root, args) {
  const child = spawn(process.execPath, [join(root, PROGRAM), 'run', ...args], {
    cwd: root,
    // The pipe tells the program when this process is gone, killed or not.
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...process.env, SONDE_PARENT_PIPE: '1' },
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => resolve(code ?? 1));
  });
}

/**
 * @param {Options} options
 * @returns {string[]} the program's flags
 */
function flags(options) {
  return [
    ...(options.cells === undefined ? [] : ['--cells', options.cells]),
    ...(options.lane === undefined ? [] : ['--lane', options.lane]),
  ];
}

/**
 * Runs projects' kernel tests in one boot per cell.
 *
 * @param {string} root the workspace's folder
 * @param {readonly string[]} folders of the projects, from the root
 * @param {Options} options
 * @returns {Promise<Map<string, SuiteResult>>} by folder; empty when the program gave no results
 */
async function runSuites(root, folders, options) {
  const scratch = mkdtempSync(join(tmpdir(), 'sonde-kernel-test-'));
  const file = join(scratch, 'results.json');
  try {
    await runProgram(root, ['--results', file, ...flags(options), ...folders]);
    const { suites } = JSON.parse(readFileSync(file, 'utf8'));
    return new Map(
      suites.map((/** @type {SuiteResult & { folder: string }} */ s) => [s.folder, s]),
    );
  } catch {
    return new Map();
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * @param {Context} context
 * @param {string} project
 * @returns {string} the project's folder, from the workspace's root
 */
function folderOf(context, project) {
  return context.projectsConfigurations.projects[project]?.root ?? project;
}

/**
 * Runs one project's kernel tests.
 *
 * @param {Options} options
 * @param {Context} context
 * @returns {Promise<{ success: boolean }>}
 */
export default async function kernelTest(options, context) {
  if (!existsSync(join(context.root, PROGRAM))) {
    console.error(`run kernel tests: no ${PROGRAM}; build it with npx nx build vm-tests`);
    return { success: false };
  }
  const folder = folderOf(context, context.projectName ?? '');
  const code = await runProgram(context.root, [...flags(options), folder]);
  return { success: code === 0 };
}

/**
 * Runs the kernel tests of many projects together. Projects with different options run apart.
 *
 * @param {import('@nx/devkit').TaskGraph} taskGraph
 * @param {Record<string, Options>} inputs options by task
 * @param {Options} _overrides
 * @param {Context} context
 * @returns {Promise<Record<string, TaskResult>>} by task
 */
export async function runBatch(taskGraph, inputs, _overrides, context) {
  /** @type {Map<string, string[]>} */
  const groups = new Map();
  for (const id of Object.keys(taskGraph.tasks)) {
    const key = JSON.stringify(flags(inputs[id] ?? {}));
    groups.set(key, [...(groups.get(key) ?? []), id]);
  }
  /** @type {Record<string, TaskResult>} */
  const results = {};
  for (const ids of groups.values()) {
    const startTime = Date.now();
    const folders = ids.map(id => folderOf(context, taskGraph.tasks[id]?.target.project ?? ''));
    const suites = await runSuites(context.root, folders, inputs[ids[0] ?? ''] ?? {});
    ids.forEach((id, index) => {
      const suite = suites.get(folders[index] ?? '');
      const terminalOutput = suite?.text ?? `run kernel tests of ${folders[index]}: no result`;
      results[id] = { success: suite?.ok ?? false, terminalOutput, startTime, endTime: Date.now() };
    });
  }
  return results;
}
