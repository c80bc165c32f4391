/**
 * The commands that read files and trace nothing: `tables`, `symbolize`, `inspect`. The fact a
 * reader gets wrong: they need no rights and no kernel, and read programs of either architecture.
 */
import { Command, Option } from 'commander';
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
}
