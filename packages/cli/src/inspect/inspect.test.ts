/** `sonde inspect` on programs of several builds: its schema, its facts, its refusals. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import t from 'tap';
import { buildGoFixture, CGO, SELF_DESCRIBING } from '@sonde/symbols/testing';
import { runSonde } from '../testing/command-line.js';
import type { Hook, Inspection } from './inspection.js';

const schema = JSON.parse(
  readFileSync(new URL('../../sonde.inspect-1.schema.json', import.meta.url), 'utf8'),
) as object;
const validate = new Ajv({ strict: true, allErrors: true }).compile(schema);

async function inspect(path: string): Promise<Inspection> {
  const { code, out, err } = await runSonde(['inspect', path, '--json']);
  t.equal(code, 0, err);
  const inspection = JSON.parse(out) as Inspection;
  t.ok(validate(inspection), JSON.stringify(validate.errors));
  return inspection;
}

const hookOf = (i: Inspection, probe: string, point: string): Hook =>
  i.hooks.find(h => h.probe === probe && h.point === point)!;

t.test('the same program, stripped or not, of both architectures', async t => {
  for (const arch of ['x86_64', 'arm64'] as const) {
    for (const flags of [[], ['-ldflags=-s -w'], ['-buildmode=pie', '-ldflags=-s -w']]) {
      const path = buildGoFixture({ source: SELF_DESCRIBING, release: 'go1.27.0', arch, flags });
      const i = await inspect(path);
      t.match(i, {
        schema: 'sonde.inspect/1',
        arch,
        release: { name: 'go1.27.0', foundBy: 'build info' },
        stripped: flags.length > 0,
        pie: flags.length === 2,
        cgo: false,
        goAbi: 1,
        tableRung: /^exact table 1\.27/,
        allocator: { in: 'none' },
      });
      const [site] = hookOf(i, 'mallocgc', 'free').alternatives.find(
        a => a.state === 'first',
      )!.sites;
      t.match(site, { function: 'runtime.(*mheap).freeSpanLocked', module: path });
      const [answer] = (await runSonde(['symbolize', path], site!.address)).out.split(' ').slice(1);
      t.equal(answer, site!.function, 'the place lies in that function');
      t.ok(i.missing.some(each => each.what.includes('memory profiling')));
    }
  }
});

t.test('C names: where they come from, and debug files that are not of this build', async t => {
  const path = join(t.testdir(), 'program');
  const flags = ['-ldflags=-s -w -linkmode=external -extldflags=-Wl,--build-id=none'];
  copyFileSync(buildGoFixture({ source: CGO, cgo: true, flags }), path);
  const other = `${path}.debug`;
  writeFileSync(other, 'the debug file of this program');
  execFileSync('objcopy', [`--add-gnu-debuglink=${other}`, path]);
  t.same((await inspect(path)).cSymbols?.refused.length, 1);
  copyFileSync(process.execPath, other);
  const i = await inspect(path);
  t.match(i.cSymbols?.sources, ['dynsym']);
  t.match(i.cSymbols?.refused, [/program\.debug: its checksum is another$/]);
  const { out } = await runSonde(['inspect', path]);
  t.match(out, /^C names +by dynsym/m);
  t.match(out, /refused\s+\S*program\.debug/);
  t.equal((await inspect(buildGoFixture({ source: SELF_DESCRIBING }))).cSymbols, null);
});

t.test('a cgo program names the library that its C heap lies in', async t => {
  const i = await inspect(buildGoFixture({ source: CGO, cgo: true }));
  t.match(i, { cgo: true, static: false, allocator: { in: 'library' } });
  t.ok(i.allocator.libraries.some(name => name.startsWith('libc.')));
  t.match(hookOf(i, 'cgo-malloc', 'malloc').alternatives, [{ state: 'library', sites: [] }]);
  t.type(i.tlsG?.offset, 'number');
});

t.test('the text says what the program is, where hooks go and what is missing', async t => {
  const path = buildGoFixture({ source: SELF_DESCRIBING, flags: ['-ldflags=-s -w'] });
  const { out } = await runSonde(['inspect', path]);
  t.match(out.split('\n')[0], `${path}: go1.`);
  t.match(out, /, x86_64, stripped|, arm64, stripped/);
  t.match(out, /^ {6}runtime\.\(\*mheap\)\.freeSpanLocked at 0x[0-9a-f]+ \(file 0x/m);
  t.match(out, /^missing\n {2}- /m);
  t.match(out, /not here: the program does not use cgo/);
});

t.test('what is no Go program is refused in one line', async t => {
  const { code, err, out } = await runSonde(['inspect', '/usr/bin/env']);
  t.same({ code, out }, { code: 2, out: '' });
  t.match(err, /^sonde: inspect \/usr\/bin\/env: it is not a Go program\n {2}.*\n$/);
  for (const args of [[], ['x', '--pid', '1']]) {
    t.match(await runSonde(['inspect', ...args]), { code: 2, err: /give either a file or --pid/ });
  }
  t.match(await runSonde(['inspect', '/none']), { code: 2, err: /no such file/ });
});
