/**
 * The function table against Go's own tools, for every release of the tables, both architectures,
 * fixed and position-independent, with symbols and without.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Arch, bufferReader, openElf } from '../elf/index.js';
import { buildGoFixture, FIXTURE_RELEASES, goRoot, goTool } from '../testing/go-fixtures.js';
import { hideSections, hideSymbols } from '../testing/hidden-symbols.js';
import { SELF_DESCRIBING } from '../testing/programs.js';
import { openGoProgram } from './go-program.js';

const ARCHES: readonly Arch[] = ['x86_64', 'arm64'];
const MODES = [
  { name: 'exe', flags: [] },
  { name: 'pie', flags: ['-buildmode=pie'] },
];

/** Go functions by address, as `go tool nm` lists them; ABI suffixes are not in Go's own table. */
function nmFunctions(release: string, binary: string): Map<number, string> {
  const functions = new Map<number, string>();
  for (const line of goTool(release, ['nm', binary]).split('\n')) {
    const match = /^\s*([0-9a-f]+) [Tt] (.+)$/.exec(line);
    if (match === null || /^(runtime\.e?text|_rt0_|go:)/.test(match[2]!)) continue;
    // A type local to a function carries a middle dot (`T·4`), which ELF names have as a dot.
    const fn = match[2]!.replace(/\.abi(0|internal)$/, '').replace(/^(type:.*)\.(\d+)$/, '$1·$2');
    functions.set(Number.parseInt(match[1]!, 16), fn);
  }
  return functions;
}

/** Function, file and line of addresses, as `go tool addr2line` prints them. */
function addr2line(release: string, binary: string, addresses: readonly number[]): string[] {
  const input = addresses.map(a => `0x${a.toString(16)}\n`).join('');
  const lines = goTool(release, ['addr2line', binary], input).trim().split('\n');
  return addresses.map((_, i) => `${lines[2 * i]} ${lines[2 * i + 1]}`);
}

for (const release of FIXTURE_RELEASES) {
  const skip = goRoot(release) === undefined ? `${release} cannot be fetched here` : false;
  t.test(`${release}: functions and lines equal those of go tool`, { skip }, async t => {
    for (const arch of ARCHES) {
      for (const { name, flags } of MODES) {
        const binary = buildGoFixture({ source: SELF_DESCRIBING, release, arch, flags });
        const stripped = hideSymbols(readFileSync(binary));
        const go = openGoProgram(openElf(bufferReader(stripped)));
        const label = `${arch} ${name}`;
        t.equal(go.release.name, release, `${label}: release`);
        t.match(go, { cgo: false, stripped: true, pie: name === 'pie', goAbi: 1 }, label);

        const expected = nmFunctions(release, binary);
        t.ok(expected.size > 1000, `${label}: nm lists functions`);
        const wrong = [...expected].filter(([entry, fn]) => {
          const found = go.pclntab.functionAt(entry);
          return found?.entry !== entry || found.name !== fn;
        });
        t.same(wrong, [], `${label}: ${expected.size} functions by address`);
        const unnamed = [...expected.values()].filter(
          fn => !go.pclntab.functionsNamed(fn).some(f => f.name === fn),
        );
        t.same(unnamed, [], `${label}: functions by name`);

        const entries = [...expected.keys()].sort((a, b) => a - b);
        const addresses = entries
          .filter((_, i) => i % 7 === 0)
          .map((a, i) => a + ((i % 5) + 1) * 4);
        const lines = addr2line(release, binary, addresses);
        const different = addresses.flatMap((address, i) => {
          const frames = go.pclntab.framesAt(address);
          // addr2line prints the outer function, but file and line of the innermost frame.
          const ours = `${frames.at(-1)?.function} ${frames[0]?.file}:${frames[0]?.line}`;
          const padding = frames[0]?.line === undefined;
          return padding || ours === lines[i] ? [] : [[address.toString(16), ours, lines[i]]];
        });
        t.same(different, [], `${label}: ${addresses.length} file and line`);
      }
    }
  });
}

t.test('a program without section headers is found by scanning', async t => {
  const binary = buildGoFixture({ source: SELF_DESCRIBING });
  const file = readFileSync(binary);
  const whole = openGoProgram(openElf(bufferReader(file)));
  const bare = openGoProgram(openElf(bufferReader(hideSections(file))));
  t.equal(bare.pclntab.place.foundBy, 'scan');
  t.equal(bare.pclntab.place.address, whole.pclntab.place.address);
  t.equal(bare.pclntab.count, whole.pclntab.count);
  t.same(bare.pclntab.module, whole.pclntab.module);
});

t.test('an address outside Go code has no function and no frames', async t => {
  const go = openGoProgram(
    openElf(bufferReader(readFileSync(buildGoFixture({ source: SELF_DESCRIBING })))),
  );
  for (const address of [0, go.pclntab.module.text - 1, 2 ** 47]) {
    t.equal(go.pclntab.functionAt(address), undefined);
    t.same(go.pclntab.framesAt(address), []);
  }
});

t.test('a release without tables is refused by name', async t => {
  const file = readFileSync(
    buildGoFixture({ source: SELF_DESCRIBING, release: FIXTURE_RELEASES[1] }),
  );
  const at = file.indexOf(FIXTURE_RELEASES[1], file.indexOf('\xff Go buildinf:', 0, 'latin1'));
  file.write('go1.19.8', at, 'latin1');
  t.throws(() => openGoProgram(openElf(bufferReader(file))), {
    name: 'UnknownReleaseError',
    message: 'go 1.19 is not supported yet: no table of its runtime offsets',
    hint: 'supported releases: 1.24, 1.26, 1.27',
  });
});
