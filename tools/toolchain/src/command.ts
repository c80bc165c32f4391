/**
 * Runs another program and turns its failure into an error that says what ran and what it said.
 *
 * Everything that the toolchain downloads comes through an ordinary client (apt, npm, go), so this
 * is the only place where it starts one.
 */
import { execa } from 'execa';

/** Carries the command, its exit code and the last lines of its output. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** What to try next, when that is known. */
  readonly hint: string | undefined;
  /** Everything the program printed to standard error and output, in that order. */
  readonly output: string;

  constructor(message: string, output: string, options?: { cause?: unknown; hint?: string }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.output = output;
    this.hint = options?.hint;
  }
}

/** What `run` may be told beside the program and its arguments. */
export interface RunOptions {
  readonly cwd?: string;
  /** Variables added to this process's environment; undefined removes one. */
  readonly env?: Record<string, string | undefined>;
  /** Bytes given to the program's standard input. */
  readonly input?: Uint8Array;
  /** First words of the error message; the program's name by default. */
  readonly what?: string;
}

/**
 * Runs a program without a shell and returns its standard output without the last newline.
 * Throws CommandError when it cannot be started or does not exit with 0.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await execa(program, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.input === undefined ? {} : { input: options.input }),
    reject: false,
    stdin: options.input === undefined ? 'ignore' : 'pipe',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (!result.failed) return result.stdout;
  const output = [result.stderr, result.stdout].filter(Boolean).join('\n');
  const tail = output.trim().split('\n').slice(-3).join(' | ') || result.shortMessage;
  const missing = result.code === 'ENOENT';
  throw new CommandError(
    `${options.what ?? `run ${program}`}: ${missing ? `${program} is not installed` : tail}`,
    output,
    { cause: result, ...(missing ? { hint: `install the package that has ${program}` } : {}) },
  );
}

/** Tells whether a program of this name can be started at all. */
export async function hasProgram(program: string): Promise<boolean> {
  const result = await execa('sh', ['-c', 'command -v "$0"', program], { reject: false });
  return !result.failed;
}
