/** The guest's lines: which step they belong to, and what a missing line means. */
import t from 'tap';
import { GuestTranscript } from './protocol.js';

t.test('output belongs to the step that runs, and to nobody between steps', async t => {
  const transcript = new GuestTranscript(['a', 'b']);
  for (const line of [
    'early',
    '##CELL start 6.12.1-test',
    '##STEP start a',
    'TAP version 14',
    '##STEP exit a 0',
    'between',
    '##STEP start b',
    '##STEP exit b 7',
    '##CELL exit 7',
  ]) {
    transcript.push(line);
  }
  t.equal(transcript.release, '6.12.1-test');
  t.equal(transcript.exitCode, 7);
  t.strictSame(transcript.loose, ['early', 'between']);
  t.strictSame(
    transcript.steps.map(s => [s.name, s.exitCode, s.lines.length]),
    [
      ['a', 0, 1],
      ['b', 7, 0],
    ],
  );
});

t.test('a guest that died: the running step has started, the next has not', async t => {
  const transcript = new GuestTranscript(['a', 'b']);
  for (const line of ['##CELL start 5.10', '##STEP start a', 'ok 1']) transcript.push(line);
  t.equal(transcript.exitCode, undefined);
  t.strictSame(
    transcript.steps.map(s => [s.started, s.exitCode]),
    [
      [true, undefined],
      [false, undefined],
    ],
  );
});

t.test('a line that only looks like the protocol is output', async t => {
  const transcript = new GuestTranscript(['a']);
  transcript.push('##STEP start a');
  const step = transcript.push('##CELL exits 0');
  t.strictSame(step?.lines, ['##CELL exits 0']);
});
