/** What is read out of apt's answers; fetching itself is tried by every guest that boots. */
import t from 'tap';
import { compareNames, parseParagraph } from './debian.js';

t.test('names are ordered by their numbers, so that the newest kernel is last', async t => {
  const names = ['linux-6.12.107', 'linux-6.9.2', 'linux-6.12.99', 'linux-6.12.107+deb13'];
  t.strictSame(names.sort(compareNames), [
    'linux-6.9.2',
    'linux-6.12.99',
    'linux-6.12.107',
    'linux-6.12.107+deb13',
  ]);
  t.equal(compareNames('libbpf1', 'libbpf1'), 0);
});

t.test('a paragraph ends at the blank line, and continuation lines are not fields', async t => {
  const fields = parseParagraph(
    'Package: a\nVersion: 1:2.0-1\nDescription: x\n more: y\n\nVersion: 9\n',
  );
  t.equal(fields.get('Version'), '1:2.0-1');
  t.notOk(fields.has(' more'));
});
