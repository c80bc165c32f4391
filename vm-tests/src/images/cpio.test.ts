/** The archive as cpio itself reads it. */
import { readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '@sonde/toolchain';
import t from 'tap';
import { cpioArchive } from './cpio.js';

t.test('cpio unpacks what was packed: names, contents, modes and links', async t => {
  const data = new TextEncoder().encode('#!/bin/sh\n');
  const archive = cpioArchive([
    { path: 'bin', kind: 'folder' },
    { path: 'bin/tool', kind: 'file', data, mode: 0o755 },
    { path: 'bin/sh', kind: 'link', target: 'tool' },
    { path: 'empty', kind: 'file', data: new Uint8Array(0), mode: 0o644 },
  ]);
  t.equal(archive.length % 4, 0);
  const cwd = t.testdir();
  await run('cpio', ['--extract', '--quiet', '--no-preserve-owner'], { cwd, input: archive });
  t.equal(await readFile(join(cwd, 'bin/tool'), 'utf8'), '#!/bin/sh\n');
  t.equal((await stat(join(cwd, 'bin/tool'))).mode & 0o777, 0o755);
  t.equal(await readlink(join(cwd, 'bin/sh')), 'tool');
  t.equal((await stat(join(cwd, 'empty'))).size, 0);
});
