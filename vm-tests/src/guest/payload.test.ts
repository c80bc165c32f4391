/** The guest's script: words survive the shell, and the worst exit code is the guest's. */
import { run } from '@sonde/toolchain';
import t from 'tap';
import { cellScript, shellQuote } from './payload.js';

t.test('any word comes out of the shell as it went in', async t => {
  const words = ['plain-1.0', "it's", '$HOME', 'a b', '', '`id`', 'x\ny', '--flag=*'];
  const script = `printf '%s\\0' ${words.map(shellQuote).join(' ')}`;
  t.strictSame((await run('sh', ['-c', script])).split('\0').slice(0, -1), words);
});

t.test('steps run one after the other, and a failed one does not stop the next', async t => {
  const step = (name: string, code: number) => ({
    name,
    command: ['sh', '-c', `echo "$SAY from ${name}"; exit ${code}`],
    env: { SAY: "it's me" },
    timeoutSeconds: 5,
  });
  const script = cellScript([step('one', 3), step('two', 0)])
    .split('\n')
    .filter(
      line =>
        !/TAP|RESULTS|mount|lo up|\/run|\/dev\/console|pump|poweroff|sync|^for|^done/.test(line),
    );
  script.push('echo "worst $worst"');
  // Outside a guest, each busybox tool is the machine's own.
  const plain = script.join('\n').replaceAll('busybox ', '');
  const lines = (await run('sh', ['-c', plain])).split('\n').slice(1);
  t.strictSame(lines, [
    '##STEP start one',
    "it's me from one",
    '##STEP exit one 3',
    '##STEP start two',
    "it's me from two",
    '##STEP exit two 0',
    'worst 3',
  ]);
});
