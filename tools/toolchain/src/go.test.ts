/** The manifest of Go releases, and what is refused before anything is fetched. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { checkSum, goToolchain } from './go.js';
import { findGoRelease, goInDebian, goManifest, goReleases } from './go-manifest.js';

t.test('every line has its first patch, one tested release, and sums', async t => {
  const lines = [...new Set(goManifest.map(r => r.line))];
  t.same(
    lines,
    [...Array(13).keys()].map(n => `1.${15 + n}`),
  );
  t.same(Object.keys(goReleases), lines);
  for (const line of lines) {
    const of = goManifest.filter(r => r.line === line);
    t.match(of[0]!.version, new RegExp(`^go${line.replace('.', '\\.')}(\\.0)?$`));
    t.equal(of.filter(r => r.tested).length, 1, line);
    const patches = of.map(r => Number(r.version.split('.')[2] ?? 0));
    t.same(
      patches,
      [...patches].sort((a, b) => a - b),
      `${line}: ascending`,
    );
  }
  for (const { version, sums, role } of goManifest) {
    t.match(sums['linux-amd64'], /^h1:[A-Za-z0-9+/]{43}=$/, version);
    t.ok(role.length > 5, version);
  }
  for (const line of Object.keys(goInDebian)) t.ok(lines.includes(line));
});

t.test('a line names the tested release, a version itself', async t => {
  t.equal(findGoRelease('1.15')?.version, 'go1.15.15');
  t.equal(findGoRelease('go1.15')?.version, 'go1.15');
  t.equal(findGoRelease('1.24.6')?.version, 'go1.24.6');
  t.equal(findGoRelease('1.14'), undefined);
  await t.rejects(goToolchain('1.14'), { message: /^fetch Go 1\.14: not in go-releases\.json/ });
});

t.test('another checksum than the manifest names is refused', async t => {
  const entry = findGoRelease('1.24')!;
  checkSum(entry, entry.sums['linux-amd64']!, 'linux-amd64');
  checkSum(entry, 'h1:other', 'linux-riscv64');
  t.throws(() => checkSum(entry, 'h1:other', 'linux-amd64'), {
    message: /^verify go1\.24\.13 for linux-amd64: wanted h1:.*, got h1:other$/,
    hint: /./,
  });
});

t.test('a folder named by a variable is used, and must be what is asked for', async t => {
  const root = t.testdir();
  await mkdir(join(root, 'bin'));
  await writeFile(join(root, 'bin/go'), '#!/bin/sh\necho go version go1.17.2 linux/amd64\n');
  await chmod(join(root, 'bin/go'), 0o755);
  process.env['SONDE_GO_1_17'] = process.env['SONDE_GO_1_18'] = root;
  t.teardown(() => ['7', '8'].forEach(n => delete process.env[`SONDE_GO_1_1${n}`]));
  t.match(await goToolchain('1.17'), { release: '1.17', version: 'go1.17.2', root });
  await t.rejects(goToolchain('1.18'), { message: /^use SONDE_GO_1_18: wanted Go 1\.18/ });
  await t.rejects(goToolchain('go1.17.13'), { message: /wanted go1\.17\.13/ });
});
