/**
 * What of the outside a command sees: streams, their width and colour, signals, clocks. Passed in,
 * so that tests have their own and nothing below asks the environment.
 */
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

/** The outside of one run of the command. */
export interface Surround {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Standard input, in pieces as they come. */
  readonly input: () => AsyncIterable<Uint8Array>;
  /** Resolves when standard output takes more: for who writes megabytes. */
  readonly drained: () => Promise<void>;
  /** Columns of standard output. */
  readonly width: number;
  readonly colour: boolean;
  readonly unicode: boolean;
  /** Standard error is a terminal: a line may be drawn over. */
  readonly liveErrors: boolean;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Fires at the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  readonly now: () => bigint;
  readonly today: () => Date;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** The real outside. Registers the signal handlers: a second signal ends the process at once. */
export function realSurround(): Surround {
  const { stdout, stderr, env } = process;
  const ending = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => ending.abort(new Error(name)));
  }
  // A reader that went away (`| head`) is no error of ours.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  stderr.on('error', () => undefined);
  const columns = stdout.columns ?? Number(env['COLUMNS'] ?? 100);
  return {
    out: text => void stdout.write(text),
    err: text => void stderr.write(text),
    input: () => process.stdin,
    drained: async () => {
      if (stdout.writableNeedDrain) await once(stdout, 'drain');
    },
    width: Number.isInteger(columns) && columns > 0 ? columns : 100,
    colour: wantsColour(stdout.isTTY === true, env),
    unicode: /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || 'C.UTF-8'),
    liveErrors: stderr.isTTY === true,
    cwd: process.cwd(),
    env,
    signal: ending.signal,
    now: () => process.hrtime.bigint(),
    today: () => new Date(),
    sleep: (ms, signal) => wait(ms, undefined, { signal }).catch(() => undefined),
  };
}

/** Colour on a terminal, never with NO_COLOR (set to anything but nothing) or on a dumb one. */
export function wantsColour(
  terminal: boolean,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return terminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}
