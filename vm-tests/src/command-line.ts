/**
 * What the commands of `sonde-vm` share: reading arguments, and saying that they are wrong.
 *
 * The fact readers get wrong: everything after a bare `--` belongs to the program in the guest, so
 * options are only looked for before it.
 */

/** Wrong arguments: the message is followed by the usage, and the exit code is 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Writes one line about what is going on to standard error. */
export function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Shown of what a failed program printed; its first complaint is the one that counts. */
const OUTPUT_LINES = 20;
/** As many of its last lines are in the message of a CommandError. */
const TAIL_LINES = 3;

/**
 * What a person should read of an error, as lines: its message, the next step where one is known,
 * and what a failed program printed where the message has not all of it.
 */
export function errorLines(error: Error): string[] {
  const { hint, output = '' } = error as { hint?: string; output?: string };
  const printed = output.trim().split('\n');
  const isLong = printed.length > TAIL_LINES;
  // The message of a failed command ends with the last lines of what is shown whole here.
  const tail = `: ${printed.slice(-TAIL_LINES).join(' | ')}`;
  return [
    isLong ? error.message.replace(tail, '') : error.message,
    ...(hint === undefined ? [] : [`  ${hint}`]),
    ...(isLong ? printed.slice(0, OUTPUT_LINES).map(line => `  | ${line}`) : []),
  ];
}

/** Returns the words of a comma-separated list; none for undefined. */
export function commaList(text: string | undefined): string[] {
  return (text ?? '').split(',').filter(Boolean);
}

/**
 * Takes `--name VALUE` or `--name=VALUE` out of the arguments before `--`, and returns the value.
 */
export function takeOption(args: string[], name: string): string | undefined {
  const end = args.indexOf('--');
  const index = args.findIndex(
    (arg, i) => (end < 0 || i < end) && (arg === name || arg.startsWith(`${name}=`)),
  );
  if (index < 0) return undefined;
  const [word = ''] = args.splice(index, 1);
  if (word !== name) return word.slice(name.length + 1);
  const [value] = args.splice(index, 1);
  if (value === undefined) throw new UsageError(`read ${name}: it needs a value`);
  return value;
}
