/** The status lines on a terminal, as a terminal would show them, and without one. */
import t from 'tap';
import { StatusBoard } from './status.js';

/** A terminal as far as the board uses one: newlines, up, and clear. */
function screen(columns = 60) {
  let lines: string[] = [];
  return {
    isTTY: true,
    columns,
    write(text: string): void {
      for (const part of text.split(/(\u001b\[1A\u001b\[2K|\n)/)) {
        if (part === '\n') lines.push('');
        else if (part.startsWith('\u001b')) lines = [...lines.slice(0, -2), ''];
        else lines[Math.max(0, lines.length - 1)] = `${lines.at(-1) ?? ''}${part}`;
      }
    },
    shown: () => lines.slice(0, -1),
  };
}

t.test('on a terminal each place has one line, with its time', async t => {
  const terminal = screen(44);
  let now = 0;
  const board = new StatusBoard(terminal, () => now, {});
  board.phase('5.10-amd64', 'booting');
  board.phase('6.1-arm64', 'booting');
  t.strictSame(terminal.shown(), ['  5.10-amd64  booting, 0 s', '  6.1-arm64   booting, 0 s']);
  now = 2400;
  board.phase('5.10-amd64', 'running probe-x');
  board.detail('5.10-amd64', '12 passed, and a long story of how');
  board.say('accelerator: TCG');
  t.strictSame(terminal.shown(), [
    'accelerator: TCG',
    '  5.10-amd64  running probe-x, 0 s, 12 passed, and a long'.slice(0, 43),
    '  6.1-arm64   booting, 2 s',
  ]);
  board.end('5.10-amd64');
  t.strictSame(terminal.shown(), ['accelerator: TCG', '  6.1-arm64  booting, 2 s']);
  board.say('ok', terminal);
  board.close();
  t.strictSame(terminal.shown(), ['accelerator: TCG', 'ok']);
});

t.test('without a terminal, and in CI, each change is one line', async t => {
  for (const [isTTY, env] of [
    [false, {}],
    [true, { CI: 'true' }],
  ] as const) {
    let text = '';
    const board = new StatusBoard({ isTTY, write: more => (text += more) }, () => 0, env);
    board.phase('5.10-amd64', 'booting');
    board.detail('5.10-amd64', '3 passed');
    board.say('a finding');
    board.phase('5.10-amd64', 'running probe-x');
    board.end('5.10-amd64');
    board.close();
    t.equal(text, '5.10-amd64: booting\na finding\n5.10-amd64: running probe-x\n');
  }
});
