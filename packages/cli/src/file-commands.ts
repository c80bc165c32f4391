/**
 * The commands that read files and trace nothing: `tables`, `symbolize`, `inspect`. The fact a
 * reader gets wrong: they need no rights and no kernel, and read programs of either architecture.
 */
import { UsageError } from '@sonde/core';
import { type Command, Option } from 'commander';
import type { SearchOptions } from './discovery.js';
import { inspect } from './inspect/inspect-command.js';
import { parsePid } from './quantities.js';
import { symbolize } from './symbolize-command.js';
import { listTables, type TablesRequest } from './tables-command.js';
import type { Surround } from './terminal.js';

/** Adds the commands to the program; `set` takes the exit code. */
export function addFileCommands(
  program: Command,
  surround: Surround,
  set: (code: number) => void,
  search: SearchOptions,
): void {
  program
    .command('tables')
    .summary('print the runtime offsets of Go releases')
    .description(
      'Prints where the fields of the Go runtime lie, by release and architecture, in bytes.',
    )
    .option('--go <release>', 'only this release, such as 1.21 or 1.24.6')
    .addOption(new Option('--arch <arch>', 'only this architecture').choices(['amd64', 'arm64']))
    .option('--json', 'print JSON: {"1.21/amd64": {"g.goid": 152, ...}, ...}')
    .action((flags: Partial<TablesRequest>) =>
      set(listTables({ ...flags, json: flags.json === true }, surround)),
    );
  program
    .command('symbolize')
    .summary('name the addresses of a program')
    .description(
      'Reads hexadecimal addresses of a program or library, one a line, from standard input, and ' +
        'prints function, file and line of each, inlined calls first. Addresses are those of the ' +
        'file, as nm prints them.',
    )
    .argument('<binary>', 'the program or shared library')
    .option('--json', 'print one JSON object a line')
    .action(async (binary: string, flags: { json?: boolean }) =>
      set(await symbolize(binary, flags.json === true, surround)),
    );
  program
    .command('inspect')
    .summary('say what a program is, and where probes would go')
    .description(
      'Says what a Go program is, how it was built, by which means its offsets are known, ' +
        'where each hook of each probe would go, and what is missing. Reads files of either ' +
        'architecture; traces nothing.',
    )
    .argument('[binary]', 'the program or shared library')
    .option('--pid <n>', 'the program of a running process, with the libraries that it maps')
    .option('--json', 'print JSON')
    .action(async (path: string | undefined, flags: { pid?: string; json?: boolean }) => {
      if ((path === undefined) === (flags.pid === undefined)) {
        const hint = 'such as: sonde inspect ./service';
        throw new UsageError('inspect: give either a file or --pid', { hint });
      }
      const request = path === undefined ? { pid: parsePid(flags.pid!) } : { path };
      set(await inspect(request, flags.json === true, search, surround));
    });
}
