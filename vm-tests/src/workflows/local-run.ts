/**
 * Runs the commands of a workflow file on this machine, in the order of the file.
 *
 * The fact readers get wrong: this is no emulation of the service. Actions are left out, as are
 * steps whose id starts with `machine-` (they prepare a machine, and would change this one); an
 * expression that is not known here is an error, never an empty word.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import type { WorkflowJob, WorkflowStep } from './model.js';

/** One command of a job, for one row of its matrix. */
export interface LocalStep {
  readonly job: string;
  readonly name: string;
  readonly id?: string;
  /** As bash gets it: expressions replaced. */
  readonly command: string;
}

/** What one command did. */
export interface LocalResult extends LocalStep {
  readonly exitCode: number;
  readonly output: string;
}

const EXPRESSION = /\$\{\{\s*([^}]+?)\s*\}\}/g;

/** Replaces what is known here: the row of the matrix, and the machine's architecture. */
function substitute(text: string, row: Readonly<Record<string, string>>): string {
  return text.replaceAll(EXPRESSION, (_, words: string) => {
    const known = words === 'runner.arch' ? process.arch.toUpperCase() : undefined;
    const value = known ?? row[/^matrix\.(\w+)$/.exec(words)?.[1] ?? ''];
    if (value === undefined) throw new Error(`run workflow: unknown expression ${words}`);
    return value;
  });
}

/** Whether a step prepares the machine of the service, and is not for this one. */
export function preparesMachine(step: Pick<WorkflowStep, 'id'>): boolean {
  return step.id?.startsWith('machine-') === true;
}

/** The commands of a workflow in order, one time for each row; `jobs` chooses, all when empty. */
export function localSteps(text: string, jobs: readonly string[] = []): LocalStep[] {
  const workflow = parse(text) as { jobs: Record<string, WorkflowJob> };
  const unknown = jobs.find(name => workflow.jobs[name] === undefined);
  if (unknown !== undefined) throw new Error(`run workflow: there is no job ${unknown}`);
  return Object.entries(workflow.jobs)
    .filter(([name]) => jobs.length === 0 || jobs.includes(name))
    .flatMap(([name, { steps, strategy }]) =>
      (strategy?.matrix.include ?? [{}]).flatMap(row =>
        steps.flatMap(({ name: step, id, run }) => {
          if (run === undefined) return [];
          const command = preparesMachine({ ...(id && { id }) }) ? run : substitute(run, row);
          return [{ job: name, name: step, ...(id !== undefined && { id }), command }];
        }),
      ),
    );
}

/**
 * Runs commands as the service does, with bash that stops at the first failure, in `folder`. What a
 * command writes for the service (`$GITHUB_OUTPUT`, the job's summary) is returned beside it.
 */
export async function runLocally(
  steps: readonly LocalStep[],
  folder: string,
  onOutput: (text: string) => void = () => undefined,
): Promise<{ results: LocalResult[]; outputs: string; summary: string }> {
  const scratch = mkdtempSync(join(tmpdir(), 'sonde-workflow-'));
  const file = (name: string): string => join(scratch, name);
  try {
    const env = { GITHUB_OUTPUT: file('output'), GITHUB_STEP_SUMMARY: file('summary') };
    for (const path of Object.values(env)) writeFileSync(path, '');
    const results: LocalResult[] = [];
    for (const step of steps) {
      onOutput(`== ${step.job}: ${step.name}\n`);
      writeFileSync(file('step.sh'), step.command);
      const flags = ['--noprofile', '--norc', '-eo', 'pipefail', file('step.sh')];
      const child = execa('bash', flags, { cwd: folder, env, all: true, reject: false });
      child.all.on('data', (chunk: Buffer) => onOutput(chunk.toString()));
      const { exitCode = 1, all } = await child;
      results.push({ ...step, exitCode, output: all });
    }
    const read = (path: string): string => readFileSync(path, 'utf8');
    return { results, outputs: read(env.GITHUB_OUTPUT), summary: read(env.GITHUB_STEP_SUMMARY) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
