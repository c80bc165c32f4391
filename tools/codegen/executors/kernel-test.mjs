/**
 * The executor of kernel tests: one task boots its own cells; a batch of tasks boots each cell once
 * and runs every project in it that asked for that cell, each task with a result of its own. What a
 * reader would get wrong: this file is loaded before anything is built, so it imports nothing of
 * ours; it starts vm-tests' program, which its target's dependencies have built.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endWithNx } from './end-with-nx.mjs';

/**
 * @typedef {{ cells?: string, lane?: 'host' | 'guest', optional?: boolean }} Options
 * @typedef {import('@nx/devkit').ExecutorContext} Context
 * @typedef {{ ok: boolean, text: string }} EntryResult what became of one task
 * @typedef {{ success: boolean, terminalOutput: string, startTime: number, endTime: number }}
 *   TaskResult
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
  endWithNx();
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
 * Runs tasks in one boot per cell.
 *
 * @param {string} root the workspace's folder
 * @param {readonly (Options & { folder: string })[]} plan what each task wants
 * @returns {Promise<(EntryResult | undefined)[]>} in the plan's order
 */
async function runPlan(root, plan) {
  const scratch = mkdtempSync(join(tmpdir(), 'sonde-kernel-test-'));
  const file = join(scratch, 'results.json');
  try {
    const path = join(scratch, 'plan.json');
    writeFileSync(path, JSON.stringify(plan));
    await runProgram(root, ['--plan', path, '--results', file]);
    const { entries } = JSON.parse(readFileSync(file, 'utf8'));
    return entries;
  } catch {
    return [];
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
export default async function kernelTest({ cells, lane, optional }, context) {
  if (!existsSync(join(context.root, PROGRAM))) {
    console.error(`run kernel tests: no ${PROGRAM}; build it with npx nx build vm-tests`);
    return { success: false };
  }
  const folder = folderOf(context, context.projectName ?? '');
  const [result] = await runPlan(context.root, [{ folder, cells, lane, optional }]);
  return { success: result?.ok ?? false };
}

/**
 * Runs the kernel tests of many tasks together.
 *
 * @param {import('@nx/devkit').TaskGraph} taskGraph
 * @param {Record<string, Options>} inputs options by task
 * @param {Options} _overrides
 * @param {Context} context
 * @returns {Promise<Record<string, TaskResult>>} by task
 */
export async function runBatch(taskGraph, inputs, _overrides, context) {
  const ids = Object.keys(taskGraph.tasks);
  const startTime = Date.now();
  const plan = ids.map(id => {
    const { cells, lane, optional } = inputs[id] ?? {};
    const folder = folderOf(context, taskGraph.tasks[id]?.target.project ?? '');
    return { folder, cells, lane, optional };
  });
  const entries = await runPlan(context.root, plan);
  const endTime = Date.now();
  return Object.fromEntries(
    ids.map((id, index) => {
      const entry = entries[index];
      const terminalOutput = entry?.text ?? `run kernel tests of ${id}: no result`;
      return [id, { success: entry?.ok ?? false, terminalOutput, startTime, endTime }];
    }),
  );
}
