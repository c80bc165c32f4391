/** `sonde symbolize` on Go and C files of both architectures: answers, order, refusals. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ELFCLASS32 } from '@sonde/symbols';
import { buildGoFixture, SELF_DESCRIBING } from '@sonde/symbols/testing';
import { runSonde } from './testing/command-line.js';

interface Answer {
  address: string;
  entry: string | null;
  frames: { function: string; file: string | null; line: number | null; inlined: boolean }[];
}

const folder = mkdtempSync(join(tmpdir(), 'sonde-symbolize-'));
t.teardown(() => rmSync(folder, { recursive: true }));

function save(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const flags = ['-ldflags=-s -w'];
const stripped = buildGoFixture({ source: SELF_DESCRIBING, flags });

async function ask(binary: string, input: string): Promise<Answer[]> {
  const { code, out, err } = await runSonde(['symbolize', binary, '--json'], input);
  t.equal(code, 0, err);
  return out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Answer);
}

t.test('a running program and the command name the same frames', async t => {
  const { stdout } = spawnSync(stripped, ['1'], { encoding: 'utf8', input: '' });
  const said = stdout.split('\n').filter(line => line.startsWith('{"Pcs"'));
  const { Pcs, Frames } = JSON.parse(said[0]!) as {
    Pcs: string[];
    Frames: { Function: string; Line: number }[];
  };
  // What runtime.Callers gives are return addresses: the call is one byte before.
  const calls = Pcs.map(pc => (BigInt(pc) - 1n).toString(16));
  const answers = await ask(stripped, calls.join('\n'));
  const frames = answers.flatMap(answer => answer.frames);
  const own = Frames.filter(frame => frame.Function.startsWith('main.'));
  for (const { Function, Line } of own) {
    t.ok(
      frames.some(frame => frame.function === Function && frame.line === Line),
      `${Function}:${Line}`,
    );
  }
  t.ok(
    answers.some(
      ({ frames }) => frames.length > 1 && frames[0]!.inlined && !frames.at(-1)!.inlined,
    ),
    'innermost first: inlined calls come before their caller',
  );
});

t.test('one answer a line, in order; blank lines and prefixes do not matter', async t => {
  const answers = await ask(stripped, '\n1\n0x0002\n\n  0XFF \nffffffffffffffff');
  t.same(
    answers,
    ['0x1', '0x2', '0xff', '0xffffffffffffffff'].map(address => ({
      address,
      entry: null,
      frames: [],
    })),
  );
  const { out } = await runSonde(['symbolize', stripped], '1\n');
  t.equal(out, '0x1 ?\n');
  t.equal((await runSonde(['symbolize', stripped], '')).out, '');
});

t.test('a C program is named by its symbols, of the other architecture too', async t => {
  const arm64 = buildGoFixture({ source: SELF_DESCRIBING, arch: 'arm64', flags });
  const [go] = await ask(arm64, (0x11000).toString(16));
  t.equal(go!.frames.length > 0, true, 'an arm64 program');
  const source = join(folder, 'c.c');
  writeFileSync(source, 'int third(int a) { return a * 3; }\nint main() { return third(2); }\n');
  const program = join(folder, 'c');
  t.equal(spawnSync('gcc', ['-O0', '-no-pie', '-o', program, source]).status, 0);
  const nm = spawnSync('nm', [program], { encoding: 'utf8' }).stdout;
  const at = Number.parseInt(/^([0-9a-f]+) T third$/m.exec(nm)![1]!, 16);
  const [c] = await ask(program, (at + 1).toString(16));
  t.same(c, {
    address: `0x${(at + 1).toString(16)}`,
    entry: `0x${at.toString(16)}`,
    frames: [{ function: 'third', file: null, line: null, inlined: false }],
  });
  const text = await runSonde(['symbolize', program], (at + 1).toString(16));
  t.equal(text.out, `0x${(at + 1).toString(16)} third+0x1\n`);
});

t.test('a line that is no address is named by its number, after what came before', async t => {
  const { code, out, err } = await runSonde(['symbolize', stripped], '1\n\nmain.main\n2\n');
  t.equal(code, 2);
  t.equal(out, '0x1 ?\n');
  t.match(err, /^sonde: read addresses: line 3: "main\.main" is not a hexadecimal address\n {2}/);
  for (const bad of ['0x', '-1', '0x1 2', '1'.repeat(17), 'g'.repeat(1000)]) {
    const refused = await runSonde(['symbolize', stripped], bad);
    t.match(refused, { code: 2, err: /^sonde: read addresses: line 1: / });
    t.ok(refused.err.length < 250);
  }
});

t.test('what is not a program is refused in one line', async t => {
  const whole = readFileSync(stripped);
  const small = Uint8Array.from(whole.subarray(0, 4096));
  const narrow = Uint8Array.from(small);
  narrow[4] = ELFCLASS32;
  const foreign = Uint8Array.from(small);
  foreign[18] = 243;
  const packed = Uint8Array.from(small);
  for (const at of [300, small.length - 36]) packed.set(Buffer.from('UPX!'), at);
  const cases: readonly (readonly [path: string, message: RegExp])[] = [
    [join(folder, 'none'), /there is no such file/],
    [folder, /it is no regular file/],
    [save('empty', new Uint8Array(0)), /it is not an ELF file/],
    [save('text', Buffer.from('#!/bin/sh\necho not a program at all\n')), /it is not an ELF file/],
    [save('narrow', narrow), /it is a 32-bit program/],
    [save('foreign', foreign), /another machine \(ELF machine 243\)/],
    [save('packed', packed), /packed by UPX/],
    [save('truncated', whole.subarray(0, whole.length >> 1)), /the file is damaged: /],
  ];
  for (const [path, message] of cases) {
    const { code, out, err } = await runSonde(['symbolize', path, '--json'], '1\n');
    t.equal(code, 2, path);
    t.equal(out, '');
    t.match(err, message);
    t.match(err, /^sonde: read .*\n {2}\S.*\n$/, 'one line and a hint');
  }
});

t.test('a reader that goes away ends the program quietly', async t => {
  const main = fileURLToPath(new URL('main.js', import.meta.url));
  const pipe = `yes 401000 | head -200000 | "$0" "$1" symbolize "$2" --json | head -c 1`;
  const { stdout, stderr } = spawnSync('bash', ['-c', pipe, process.execPath, main, stripped], {
    encoding: 'utf8',
  });
  t.same({ stdout, stderr }, { stdout: '{', stderr: '' });
});
