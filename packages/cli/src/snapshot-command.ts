/**
 * `sonde snapshot`: what a running Go program holds now, read from outside. The fact a reader gets
 * wrong: no probe is attached and nothing is stopped, so it costs the target nothing but page
 * reads; it needs the right to read its memory, not the rights of BPF.
 */
import { writeFileSync } from 'node:fs';
import { UsageError } from '@sonde/core';
import { openTarget } from '@sonde/core/target';
import { waitReasonText } from '@sonde/symbols';
import type { Command } from 'commander';
import { EXIT } from './exit-codes.js';
import { parsePid } from './quantities.js';
import { encodePprof } from './snapshot-pprof.js';
import { takeSnapshot } from './snapshot-take.js';
import { writeSnapshot } from './snapshot-text.js';
import { waitReasonOf } from './snapshot-wait-reasons.js';
import type { Surround } from './terminal.js';

/** What the command line said. */
export interface SnapshotOptions {
  readonly pid: number;
  readonly json: boolean;
  /** Sections; all of them where none is asked for by name. */
  readonly heap: boolean;
  readonly spans: boolean;
  readonly goroutines: boolean;
  /** File for the heap profile in pprof's format. */
  readonly pprof?: string;
}

/** Takes the snapshot and prints it. Returns the exit code. */
export async function snapshot(options: SnapshotOptions, surround: Surround): Promise<number> {
  const all = !options.heap && !options.spans && !options.goroutines;
  const target = await openTarget(options.pid);
  try {
    const taken = takeSnapshot(target, {
      heap: all || options.heap || options.pprof !== undefined,
      spans: all || options.spans,
      goroutines: all || options.goroutines,
      now: surround.now,
      waitReason: waitReasonOf(n => waitReasonText(target.go.release, n)),
    });
    if (options.pprof !== undefined) {
      if (taken.heap === null) {
        const why = taken.missing.find(each => each.section === 'heap')?.why ?? 'not read';
        throw new UsageError(`write ${options.pprof}: the heap profile could not be read: ${why}`);
      }
      writeProfile(options.pprof, encodePprof(taken, surround.today()));
    }
    const { width, colour, unicode } = surround;
    const text = options.json
      ? `${JSON.stringify(taken, undefined, 2)}\n`
      : writeSnapshot(taken, { width, colour, unicode });
    surround.out(text);
    return EXIT.done;
  } finally {
    target.close();
  }
}

function writeProfile(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`write ${path}: ${message}`, { cause, hint: 'give --pprof another file' });
  }
}

interface Flags {
  readonly pid: string;
  readonly json?: boolean;
  readonly heap?: boolean;
  readonly spans?: boolean;
  readonly goroutines?: boolean;
  readonly pprof?: string;
}

/** Adds the command to the program; `set` takes the exit code. */
export function addSnapshotCommand(
  program: Command,
  surround: Surround,
  set: (code: number) => void,
): void {
  program
    .command('snapshot')
    .summary('print what a process holds now, without probes')
    .description(
      'Reads the Go runtime of a live process from outside: memory figures, heap profile, size ' +
        'classes and goroutines. Nothing is attached, stopped or written.',
    )
    .requiredOption('--pid <n>', 'the process to read')
    .option('--json', 'print JSON, schema sonde.snapshot/1, with every stack')
    .option('--heap', 'only the heap profile by stack')
    .option('--spans', 'only the heap by size class')
    .option('--goroutines', 'only the goroutines')
    .option('--pprof <file>', 'write the heap profile for go tool pprof as well')
    .action(async (flags: Flags) =>
      set(
        await snapshot(
          {
            pid: parsePid(flags.pid),
            json: flags.json === true,
            heap: flags.heap === true,
            spans: flags.spans === true,
            goroutines: flags.goroutines === true,
            ...(flags.pprof === undefined ? {} : { pprof: flags.pprof }),
          },
          surround,
        ),
      ),
    );
}
