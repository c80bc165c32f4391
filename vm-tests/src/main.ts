#!/usr/bin/env node
/**
 * `sonde-vm`: the kernel matrix from the command line.
 *
 * Results go to standard output, progress to standard error. The fact readers get wrong: the host
 * is one more place to run in, not a fallback. `run` uses it beside the guests wherever it works.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError, commaList, errorLines, progress, takeOption } from './command-line.js';
import { GUEST_DIED } from './guest/boot.js';
import { prepareCells } from './guest/fleet.js';
import { runJob } from './lanes/job.js';
import { allCells, hostArchitecture, readMatrix, selectCells, shardOf } from './matrix.js';
import { agreeCommand } from './agree-command.js';
import { reportCommand } from './report/report-command.js';
import { runCommand } from './run-command.js';
import { outRoot } from './surroundings.js';
import { machineCommand } from './machine-command.js';
import { buildWorkloads } from './workloads.js';
import { workloadsCommand } from './workloads-command.js';

const USAGE = `usage: sonde-vm cells [--cells LIST] [--shard K/N] [--json]
       sonde-vm prepare [--cells LIST]
       sonde-vm workloads [--arch LIST] [--go RELEASES|all] [NAME…]
       sonde-vm run [--cells LIST] [--shard K/N] [--lane host|guest] [--probes LIST] [--jobs N]
                    [--builds fast|full] [--without-releases] [--results FILE] [--plan FILE]
       sonde-vm agree [--cells LIST] [--lane host|guest] PROJECT…
       sonde-vm report [--check] [--write] [--cells LIST] [--probes DIRS] [--record FILE]
       sonde-vm job [--cell NAME] [--out DIR] [--duration 20s] [other flags of sonde trace]
       sonde-vm job [--cell NAME] [--out DIR] run PROBE [other flags of sonde run]
       sonde-vm job [--cell NAME] [--out DIR] -- ARGUMENTS OF sonde…
       sonde-vm machine --cells LIST [--probes LIST] [--releases] [--out DIR]

LIST is comma-separated. Cells are named KERNEL-ARCH; a kernel, an architecture, and the sets
"fast", "full", "nightly" and "all" select several; --shard takes every Nth of them. --probes takes
project names or folders; every probe when left out, and the current project outside of Sonde's
workspace. The first forms of job trace the workload leaky; the last finds workloads in
/payload/workloads, and what it writes to /out comes back in DIR/CELL.`;

const stopper = new AbortController();

/**
 * Ends the guests first, so that temporary folders go; a second signal ends this process at once.
 */
function stopOnSignals(): void {
  const codes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
  for (const [signal, code] of Object.entries(codes)) {
    process.on(signal, () => {
      if (stopper.signal.aborted) process.exit(code);
      process.exitCode = code;
      stopper.abort();
      setTimeout(() => process.exit(code), 5000).unref();
    });
  }
  if (process.env['SONDE_PARENT_PIPE'] !== '1') return;
  // An executor that was killed cannot send a signal any more, but its end of this pipe closes.
  process.stdin.on('end', () => process.exit(codes.SIGTERM)).resume();
  (process.stdin as unknown as { unref?: () => void }).unref?.();
}

async function job(given: string[]): Promise<number> {
  const args = [...given];
  const matrix = readMatrix();
  const host = hostArchitecture(matrix);
  const fast = allCells(matrix).filter(c => c.architecture === host && c.kernel.set === 'fast');
  const name = takeOption(args, '--cell') ?? fast[fast.length - 1]?.name ?? '';
  const outDir = resolve(takeOption(args, '--out') ?? join(outRoot, 'job'));
  const timeoutSeconds = Number(takeOption(args, '--timeout') ?? 600);
  const [cell, ...more] = selectCells(matrix, [name]);
  if (!cell || more.length > 0) throw new UsageError(`choose cell: ${name} is more than one`);
  const withLeaky = args[0] !== '--';
  const names = withLeaky ? { names: ['leaky'] } : {};
  await buildWorkloads({ architecture: cell.architecture, progress, ...names });
  const result = await runJob({
    matrix,
    cell,
    args: !withLeaky ? args.slice(1) : args[0] === 'run' ? args : ['trace', ...args],
    withLeaky,
    timeoutSeconds,
    columns: Number(process.env['COLUMNS']) || 100,
    outDir,
    progress,
    signal: stopper.signal,
    print: line => process.stdout.write(`${line}\n`),
  });
  if (result.errors) progress(result.errors);
  const where = `cell ${cell.name} (${result.release ?? 'never started'})`;
  progress(`ran in ${where}; its files: ${result.outDir}`);
  return result.exitCode === GUEST_DIED ? 1 : result.exitCode;
}

function cells(args: string[]): number {
  const { values } = parseArgs({
    args,
    options: {
      cells: { type: 'string', default: 'all' },
      shard: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const chosen = selectCells(readMatrix(), commaList(values.cells));
  const shown = values.shard === undefined ? chosen : shardOf(chosen, values.shard);
  if (values.json) {
    const facts = shown.map(({ name, kernel, architecture }) => ({
      name,
      kernel: kernel.name,
      architecture: architecture.name,
      set: kernel.set,
      suite: kernel.suite,
    }));
    process.stdout.write(`${JSON.stringify(facts)}\n`);
    return 0;
  }
  for (const { name, kernel } of shown) {
    process.stdout.write(`${name.padEnd(12)} ${kernel.set.padEnd(7)}  Debian ${kernel.suite}\n`);
  }
  return 0;
}

async function prepare(args: string[]): Promise<number> {
  const wanted = commaList(takeOption(args, '--cells'));
  const matrix = readMatrix();
  const chosen = selectCells(matrix, wanted.length > 0 ? wanted : ['fast']);
  await prepareCells(matrix, chosen, progress);
  return 0;
}

async function main([verb, ...args]: string[]): Promise<number> {
  if (verb === 'cells') return cells(args);
  if (verb === 'prepare') return prepare(args);
  if (verb === 'workloads') return workloadsCommand(args);
  if (verb === 'run') return runCommand(args, stopper.signal);
  if (verb === 'agree') return agreeCommand(args);
  if (verb === 'report') return reportCommand(args);
  if (verb === 'job') return job(args);
  if (verb === 'machine') return machineCommand(args);
  throw new UsageError(verb === undefined ? 'say what to do' : `there is no command ${verb}`);
}

stopOnSignals();
try {
  const code = await main(process.argv.slice(2));
  process.exitCode ||= code;
} catch (error) {
  const { code = '' } = error as { code?: string };
  const usage = error instanceof UsageError || code.startsWith('ERR_PARSE_ARGS');
  progress(`sonde-vm: ${errorLines(error as Error).join('\n')}`);
  if (usage) progress(USAGE);
  process.exitCode ||= usage ? 2 : 1;
}
