/** Programs of any kind under a test: text out and in, and their end. */
import t from 'tap';
import { startProgram } from './program.js';

t.test('a program is found by name, talks in lines, and its end is known', async t => {
  const program = startProgram('sh', ['-c', 'echo first; read word; echo "got $word"; exit 3']);
  t.equal(await program.next(), 'first');
  t.ok(program.pid > 0);
  t.equal(await program.command('hello'), 'got hello');
  t.equal(await program.exited, 3);
  await t.rejects(program.next(), /read line of sh: it ended with 3/);
  t.strictSame(program.seen, ['first', 'got hello']);
});

t.test('one that cannot be started says so', async t => {
  const program = startProgram('./no-such-program');
  await t.rejects(
    program.next(),
    /read line of \.\/no-such-program: it cannot be started: .*ENOENT/,
  );
  t.equal(await program.exited, 127);
});
