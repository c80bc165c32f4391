/** Apt's two file formats, and which of their archives counts as the Debian mirror. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { CommandError } from './command.js';
import { debianMirror, parseDeb822, parseOneLine, pickMirror } from './mirror.js';

const DEB822 = `Types: deb deb-src
# URIs: http://commented.example/debian
URIs: http://mirror.example/debian/
Suites: trixie trixie-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: trixie-security
Components: main

Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main
Enabled: no
`;

t.test('deb822: enabled binary archives, continuation lines and comments', async t => {
  const archives = parseDeb822(DEB822);
  t.strictSame(archives, [
    {
      uri: 'http://mirror.example/debian/',
      suites: ['trixie', 'trixie-updates'],
      components: ['main', 'contrib'],
    },
    {
      uri: 'http://mirror.example/debian-security',
      suites: ['trixie-security'],
      components: ['main'],
    },
  ]);
  t.equal(pickMirror(archives), 'http://mirror.example/debian');
});

t.test('one-line: options in brackets are passed over, sources are not archives', async t => {
  const archives = parseOneLine(
    `# deb http://commented.example/debian trixie main
deb-src http://src.example/debian trixie main
deb [arch=amd64 signed-by=/k.gpg] https://tool.example/apt stable main
deb [trusted=no] https://mirror.example/debian trixie main contrib # words`,
  );
  t.equal(archives.length, 2);
  t.strictSame(archives[1]?.components, ['main', 'contrib']);
  t.equal(pickMirror(archives), 'https://mirror.example/debian');
});

t.test("a cloud image's list of mirrors is taken as it is", async t => {
  const archives = parseDeb822(
    DEB822.replace('http://mirror.example/debian/', 'mirror+file:///etc/apt/mirrors/debian.list'),
  );
  t.equal(pickMirror(archives), 'mirror+file:///etc/apt/mirrors/debian.list');
});

t.test('the variable wins; without any mirror the error names the variable', async t => {
  const etc = t.testdir();
  await mkdir(join(etc, 'sources.list.d'));
  const error = await debianMirror({}, etc).catch((e: unknown) => e as CommandError);
  t.match(error, { message: /names none/, hint: /SONDE_DEBIAN_MIRROR/ });
  await writeFile(join(etc, 'sources.list.d/debian.sources'), DEB822);
  t.equal(await debianMirror({}, etc), 'http://mirror.example/debian');
  const env = { SONDE_DEBIAN_MIRROR: 'http://other.example/debian/' };
  t.equal(await debianMirror(env, etc), 'http://other.example/debian');
  const one = { ...env, SONDE_DEBIAN_MIRROR_TRIXIE_BACKPORTS: 'http://old.example/debian/' };
  t.equal(await debianMirror(one, etc, 'trixie-backports'), 'http://old.example/debian');
  t.equal(await debianMirror(one, etc, 'trixie'), 'http://other.example/debian');
});
