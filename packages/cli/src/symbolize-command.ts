/**
 * `sonde symbolize`: addresses of a file in, names out, one line for each. The fact a reader gets
 * wrong: an address that nothing covers is an answer (no frames), while a line that is no address
 * ends the command, with its number, after everything before it was answered.
 */
import { resolve } from 'node:path';
import { UsageError } from '@sonde/core';
import { type AddressNames, FormatError, ProgramNames, UnknownReleaseError } from '@sonde/symbols';
import { EXIT } from './exit-codes.js';
import { damaged, openProgram } from './read-program.js';
import type { Surround } from './terminal.js';

/** Text is handed on in pieces of about this many characters. */
const PIECE = 1 << 16;
const ADDRESS = /^(?:0[xX])?([0-9a-fA-F]{1,16})$/;

/** Answers every line of standard input. Throws UsageError for a bad file or a bad line. */
export async function symbolize(path: string, json: boolean, surround: Surround): Promise<number> {
  const { elf, reader } = openProgram(path, surround.cwd);
  try {
    const names = new ProgramNames(elf, { roots: [''], path: resolve(surround.cwd, path) });
    const write = json ? jsonWriter() : textLine;
    let number = 0;
    for await (const lines of linesOf(surround.input())) {
      const { addresses, shown, bad } = readAddresses(lines);
      let piece = '';
      let at = 0;
      for (const found of names.many(Float64Array.from(addresses))) {
        piece += write(shown[at]!, addresses[at++]!, found);
        if (piece.length < PIECE) continue;
        surround.out(piece);
        piece = '';
        await surround.drained();
      }
      surround.out(piece);
      if (bad !== undefined) throw badLine(bad.text, number + bad.line);
      number += lines.length;
    }
    return EXIT.done;
  } catch (error) {
    if (error instanceof FormatError) throw damaged(path, error);
    if (error instanceof UnknownReleaseError) {
      throw new UsageError(`read ${path}: ${error.message}`, { hint: error.hint, cause: error });
    }
    throw error;
  } finally {
    reader.close();
  }
}

/** Addresses of some lines, up to the first line that is none; blank lines do not count. */
function readAddresses(lines: readonly string[]): {
  readonly addresses: readonly number[];
  /** Each address as it is printed. */
  readonly shown: readonly string[];
  /** Text and number, from 1, of the line that is no address. */
  readonly bad?: { readonly text: string; readonly line: number };
} {
  const addresses: number[] = [];
  const shown: string[] = [];
  for (const [i, line] of lines.entries()) {
    const text = line.trim();
    if (text === '') continue;
    const digits = ADDRESS.exec(text)?.[1];
    if (digits === undefined) return { addresses, shown, bad: { text, line: i + 1 } };
    addresses.push(Number.parseInt(digits, 16));
    shown.push(plain(digits));
  }
  return { addresses, shown };
}

function badLine(text: string, number: number): UsageError {
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return new UsageError(`read addresses: line ${number}: "${shown}" is not a hexadecimal address`, {
    hint: 'give one address a line, such as 0x45d2a0; addresses are those of the file',
  });
}

/** Without leading zeros and in lower case, as every address is printed. */
function plain(digits: string): string {
  const at = digits.search(/[^0]/);
  return at < 0 ? '0x0' : `0x${digits.slice(at).toLowerCase()}`;
}

/** The complete lines of each piece of input, and what is left without a newline at the end. */
async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<readonly string[]> {
  let rest = '';
  for await (const bytes of input) {
    const lines = (rest + Buffer.from(bytes).toString('latin1')).split('\n');
    rest = lines.pop()!;
    yield lines;
  }
  yield [rest];
}

/** JSON of one answer; strings that were met before are not quoted again. */
function jsonWriter(): (shown: string, address: number, names: AddressNames) => string {
  const quoted = new Map<string, string>();
  const quote = (text: string | undefined): string => {
    if (text === undefined) return 'null';
    let result = quoted.get(text);
    if (result === undefined) quoted.set(text, (result = JSON.stringify(text)));
    return result;
  };
  return (shown, _address, { entry, frames }) => {
    const list = frames.map(
      frame =>
        `{"function":${quote(frame.function)},"file":${quote(frame.file)},` +
        `"line":${frame.line ?? 'null'},"inlined":${frame.inlined}}`,
    );
    const start = entry === undefined ? 'null' : `"0x${entry.toString(16)}"`;
    return `{"address":"${shown}","entry":${start},"frames":[${list.join(',')}]}\n`;
  };
}

/** `0x45d2a0 main.inner main.go:12, inlined into main.outer main.go:20`; `?` where unknown. */
function textLine(shown: string, address: number, { entry, frames }: AddressNames): string {
  if (entry === undefined || frames.length === 0) return `${shown} ?\n`;
  const parts = frames.map(frame => {
    if (frame.file !== undefined) return `${frame.function} ${frame.file}:${frame.line ?? '?'}`;
    return `${frame.function}+0x${(address - entry).toString(16)}`;
  });
  return `${shown} ${parts.join(', inlined into ')}\n`;
}
