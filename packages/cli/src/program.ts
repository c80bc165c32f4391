/**
 * The command line: arguments in, exit code out. The fact a reader gets wrong: the parameters of a
 * probe become flags of `run PROBE` only after the probe was found, so `run` is parsed in two
 * steps.
 */
import { Command, CommanderError, Option } from 'commander';
import { findProbes, pickProbe, type FoundProbe, type SearchOptions } from './discovery.js';
import { doctor } from './doctor-command.js';
import { describeFailure, EXIT } from './exit-codes.js';
import { addFileCommands } from './file-commands.js';
import { addSnapshotCommand } from './snapshot-command.js';
import { listProbes } from './probes-command.js';
import { parseDuration, parseOverhead, parsePid, parseRingBytes } from './quantities.js';
import { run } from './run-command.js';
import { paramOption } from './parameter-option.js';
import type { Surround } from './terminal.js';
import { trace } from './trace-command.js';
import { VERSION } from './version.js';

const DURATION = '20s';

interface Flags {
  readonly pid?: string;
  readonly duration?: string;
  readonly json?: string | boolean;
  readonly minAge?: string;
  readonly maxOverhead: string;
  readonly attach?: readonly string[];
  readonly failOn?: string;
  readonly probe?: readonly string[];
}

/** Runs one command line (without node and script). `bundled` probes replace the search. */
export async function main(
  args: readonly string[],
  surround: Surround,
  bundled?: readonly FoundProbe[],
): Promise<number> {
  let code: number = EXIT.done;
  const set = (result: number) => {
    code = result;
  };
  try {
    const program = buildProgram(args, surround, set, bundled);
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return refuse(error, args, surround);
    const failure = describeFailure(error, Boolean(surround.env['SONDE_DEBUG']));
    surround.err(`${failure.lines.join('\n')}\n`);
    return failure.code;
  }
}

/** Commander's own refusals become one line in our words. */
function refuse(error: CommanderError, args: readonly string[], surround: Surround): number {
  if (error.exitCode === 0) return EXIT.done;
  if (error.code === 'commander.help') return EXIT.usage;
  // Commander's second line, if any, is a suggestion such as "(Did you mean run?)".
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const hint =
    suggestion?.replace(/^\((.*)\)$/, '$1').toLowerCase() ?? `see: ${pageOf(error, args)} --help`;
  surround.err(`sonde: ${message}\n  ${hint}\n`);
  return EXIT.usage;
}

/** The command whose help says more: the one that was named, with its probe. */
function pageOf(error: CommanderError, [command = '', probe = '']: readonly string[]): string {
  const isKnown = error.code !== 'commander.unknownCommand' && /^[a-z]+$/.test(command);
  if (!isKnown) return 'sonde';
  return /^[a-z]/.test(probe) && command === 'run' ? `sonde run ${probe}` : `sonde ${command}`;
}

function buildProgram(
  args: readonly string[],
  surround: Surround,
  set: (code: number) => void,
  bundled: readonly FoundProbe[] | undefined,
): Command {
  const search = (extra: readonly string[]): SearchOptions => ({
    cwd: surround.cwd,
    extra,
    ...(bundled ? { bundled } : {}),
  });
  const program = new Command('sonde')
    .description('Tells which code holds the memory of a running Go process.')
    .version(VERSION, '--version', 'print the version')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: surround.out,
      writeErr: surround.err,
      outputError: () => undefined,
    })
    .addHelpText('after', HELP);
  const trace_ = program.command('trace').summary('trace a process and print the verdict');
  addTrace(trace_, surround, set, bundled);
  const run_ = program.command('run').summary('print the events of one probe');
  addRun(run_, args, surround, set, search);
  program
    .command('probes')
    .summary('list the probes that were found, or show what one reports')
    .description('Lists the probes that were found; with a name, all that one reports.')
    .argument('[name]', 'a probe: its events and their fields, parameters, ways to attach')
    .option('--json', 'print JSON')
    .addOption(probeOption())
    .action(async (name: string | undefined, flags: Flags) =>
      set(await listProbes(search(flags.probe ?? []), !!flags.json, name, surround)),
    );
  program
    .command('doctor')
    .summary('say what works on this machine')
    .description('Says what works on this machine, why not, and the one command that mends it.')
    .option('--json', 'print JSON')
    .action(async (flags: Flags) => set(await doctor(flags.json === true, surround)));
  addFileCommands(program, surround, set, search([]));
  addSnapshotCommand(program, surround, set);
  return program;
}

const HELP = `
Examples:
  sonde trace --pid 1234                  20 s, then the verdict
  sonde trace --json report.json -- ./service --port 8080
  sonde run mallocgc --pid 1234           every large Go object, as it comes
  sonde snapshot --pid 1234               what it holds now, read from outside
  sonde doctor                            what works here, and what to install

Exit codes: 0 done, 1 failed, 2 bad usage or missing rights, 3 --fail-on found a leak.
`;

function probeOption(): Option {
  return new Option('--probe <path>', 'a probe package or file to use as well').argParser(collect);
}

function attachOption(): Option {
  return new Option(
    '--attach <name>',
    'use this alternative where an attach point has it',
  ).argParser(collect);
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function overheadOption(): Option {
  return new Option(
    '--max-overhead <share>',
    'take off the hottest probe above this, or off',
  ).default('10%', '10%');
}

type TraceFlags = Flags & {
  readonly json?: string;
  readonly rawStacks?: boolean;
  readonly ringBytes?: string;
  readonly inlined?: boolean;
};

function addTrace(
  command: Command,
  surround: Surround,
  set: (code: number) => void,
  bundled: readonly FoundProbe[] | undefined,
): void {
  command
    .usage('(--pid <n> | -- <command...>) [options]')
    .description(
      'Traces a Go process, then says which code holds the memory, in one sentence first.',
    )
    .argument('[command...]', 'a command to start and trace from its beginning')
    .option('--pid <n>', 'the process to trace')
    .option('--duration <time>', `how long (default: ${DURATION}; with a command: until it ends)`)
    .option('--json <file>', 'write the report as JSON; - prints it in place of the text')
    .addOption(
      new Option('--min-age <time>', 'memory younger than this accuses nobody').default('5s', '5s'),
    )
    .option('--raw-stacks', "show cgo's and the runtime's frames between C and Go too")
    .option('--ring-bytes <n>', 'size of the ring of records, a power of two (default: 8 MiB)')
    .option('--inlined', 'show inlined C calls, where debug information is installed (slower)')
    .addOption(overheadOption())
    .addOption(attachOption())
    .addOption(new Option('--fail-on <what>', 'exit with 3 on this').choices(['leak']))
    .addOption(probeOption())
    .action(async (commandArgs: string[], flags: TraceFlags) => {
      const pid = flags.pid === undefined ? undefined : parsePid(flags.pid);
      const duration = flags.duration ?? (pid === undefined ? undefined : DURATION);
      set(
        await trace(
          {
            ...(pid === undefined ? {} : { pid }),
            command: commandArgs,
            durationNs: duration === undefined ? undefined : parseDuration(duration, '--duration'),
            minAgeNs: parseDuration(flags.minAge!, '--min-age'),
            maxOverhead: parseOverhead(flags.maxOverhead),
            attach: flags.attach ?? [],
            ...(flags.ringBytes === undefined
              ? {}
              : { ringBytes: parseRingBytes(flags.ringBytes) }),
            ...(flags.json === undefined ? {} : { json: flags.json }),
            failOnLeak: flags.failOn === 'leak',
            rawStacks: flags.rawStacks === true,
            inlined: flags.inlined === true,
            probePaths: flags.probe ?? [],
            ...(bundled ? { bundled } : {}),
          },
          surround,
        ),
      );
    });
}

/** `run`: its first step only finds the probe's name; flags and help are the probe's. */
function addRun(
  command: Command,
  args: readonly string[],
  surround: Surround,
  set: (code: number) => void,
  search: (extra: readonly string[]) => SearchOptions,
): void {
  const named = args[0] === 'run' && args[1] !== undefined && !args[1].startsWith('-');
  command
    .usage('<probe> --pid <n> [options]')
    .description('Prints the events of one probe as they come: a table, or one JSON object a line.')
    .argument('<probe>', 'name of the probe; sonde probes lists them');
  if (!named) {
    command.addHelpText('after', '\nsonde run PROBE --help shows the parameters of a probe.\n');
    command.action(() => undefined);
    return;
  }
  command
    .allowUnknownOption()
    .helpOption(false)
    .argument('[rest...]')
    .action(async () => {
      const extra = args.flatMap((arg, index) =>
        arg === '--probe' ? [args[index + 1] ?? ''] : [],
      );
      const probe = pickProbe(await findProbes(search(extra)), args[1]!);
      const second = runCommand(probe, surround, set);
      await second.parseAsync(args.slice(2), { from: 'user' });
    });
}

/** The second step: a command with the probe's parameters as flags. */
function runCommand(probe: FoundProbe, surround: Surround, set: (code: number) => void): Command {
  const { ir } = probe.module;
  const command = new Command(`sonde run ${ir.name}`)
    .description(ir.about)
    .exitOverride()
    .configureOutput({
      writeOut: surround.out,
      writeErr: surround.err,
      outputError: () => undefined,
    })
    .requiredOption('--pid <n>', 'the process to trace')
    .option('--duration <time>', 'how long (default: until it ends, or Ctrl-C)')
    .option('--json', 'one JSON object a line')
    .option('--raw-stacks', "show cgo's and the runtime's frames between C and Go too")
    .addOption(overheadOption())
    .addOption(attachOption())
    .addOption(probeOption());
  for (const param of ir.params) command.addOption(paramOption(param));
  command.addHelpText('after', `\nsonde probes ${ir.name} shows its events and ways to attach.\n`);
  return command.action(async (flags: Flags & Record<string, unknown>) => {
    const params: Record<string, number> = {};
    for (const { name } of ir.params) params[name] = Number(flags[name]);
    const { duration } = flags;
    set(
      await run(
        probe,
        {
          pid: parsePid(flags.pid!),
          durationNs: duration === undefined ? undefined : parseDuration(duration, '--duration'),
          json: flags.json === true,
          attach: flags.attach ?? [],
          rawStacks: flags.rawStacks === true,
          maxOverhead: parseOverhead(flags.maxOverhead),
          params,
        },
        surround,
      ),
    );
  });
}
