/**
 * Runs one command line inside the test's own process. The fact a reader gets wrong: standard
 * input is what the test gives, never that of the test runner.
 */
import { main } from '../program.js';
import type { Surround } from '../terminal.js';

/** What a command wrote, and its exit code. */
export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `sonde ARGS` with these lines on standard input. */
export async function runSonde(args: readonly string[], input = ''): Promise<CommandResult> {
  let out = '';
  let err = '';
  const surround: Surround = {
    out: text => (out += text),
    err: text => (err += text),
    input: () => chunks(input),
    drained: async () => undefined,
    width: 100,
    colour: false,
    unicode: true,
    liveErrors: false,
    cwd: process.cwd(),
    env: {},
    signal: new AbortController().signal,
    now: () => 0n,
    today: () => new Date(0),
    sleep: async () => undefined,
  };
  const code = await main(args, surround);
  return { code, out, err };
}

/** The bytes in pieces of seven, so that every line is split somewhere. */
async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
}
