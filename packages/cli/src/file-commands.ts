/**
 * The commands that read files and trace nothing: `tables`, `symbolize`, `inspect`. The fact a
 * reader gets wrong: they need no rights and no kernel, and read programs of either architecture.
 */
import { Command, Option } from 'commander';
import { symbolize } from './symbolize-command.js';
import { listTables, type TablesRequest } from './tables-command.js';
import type { Surround } from './terminal.js';

/** Adds the commands to the program; `set` takes the exit code. */
export function addFileCommands(
  program: Command,
  surround: Surround,
  set: (code: number) => void,
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
}
