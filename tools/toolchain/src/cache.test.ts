/** The cache: filled once, by one rename, and keyed so that no two lists of inputs meet. */
import { readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { cacheRoot, cached, contentKey, exists } from './cache.js';

t.beforeEach(t => {
  process.env['SONDE_CACHE'] = t.testdir();
});

t.test('the folder is filled once, and a failed fill leaves nothing', async t => {
  let fills = 0;
  const fill = async (folder: string): Promise<void> => {
    fills++;
    await writeFile(join(folder, 'a'), 'text');
  };
  const path = await cached('kind', 'name', fill);
  t.equal(await cached('kind', 'name', fill), path);
  t.equal(fills, 1);
  t.equal(await readFile(join(path, 'a'), 'utf8'), 'text');
  const broken = cached('kind', 'other', () => Promise.reject(new Error('no network')));
  await t.rejects(broken, { message: 'no network' });
  t.strictSame(await readdir(join(cacheRoot(), 'kind')), ['name']);
});

t.test('two fills at once: both get the same folder', async t => {
  const fill = (text: string) => async (folder: string) => writeFile(join(folder, 'a'), text);
  const [first, second] = await Promise.all([
    cached('kind', 'name', fill('1')),
    cached('kind', 'name', fill('2')),
  ]);
  t.equal(first, second);
  t.strictSame(await readdir(join(cacheRoot(), 'kind')), ['name']);
});

t.test('what an interrupted fill left an hour ago is swept', async t => {
  await cached('kind', 'name', async () => undefined);
  const stale = join(cacheRoot(), 'kind', '.tmp-x-1');
  await writeFile(stale, '');
  const old = new Date(Date.now() - 2 * 3600 * 1000);
  await utimes(stale, old, old);
  await cached('kind', 'another', async () => undefined);
  t.notOk(await exists(stale));
});

t.test('keys depend on where one part ends', async t => {
  t.not(contentKey(['ab', 'c']), contentKey(['a', 'bc']));
  t.equal(contentKey(['ab', 'c']), contentKey([Buffer.from('ab'), 'c']));
});
