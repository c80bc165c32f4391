/** The release of programs whose build information is gone, against what they were built with. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Arch, bufferReader, type ElfFile, openElf } from '../elf/index.js';
import { buildGoFixture, goRoot } from '../testing/go-fixtures.js';
import { hideSections, hideSymbols } from '../testing/hidden-symbols.js';
import { selfDescribing } from '../testing/programs.js';
import { openGoProgram } from './go-program.js';
import { findVersionString } from './version-string.js';

const RELEASES = ['go1.15.15', 'go1.18.10', 'go1.26.8'];
const MAGIC = Buffer.from('\xff Go buildinf:', 'latin1');

/** The program with no symbols, no sections and no build information. */
function bare(release: string, arch: Arch, flags: readonly string[]): ElfFile {
  const file = readFileSync(
    buildGoFixture({ source: selfDescribing(release), release, arch, flags }),
  );
  const hidden = Buffer.from(hideSections(hideSymbols(file)));
  for (let at = hidden.indexOf(MAGIC); at >= 0; at = hidden.indexOf(MAGIC, at)) hidden[at] = 0;
  return openElf(bufferReader(hidden));
}

for (const release of RELEASES) {
  const skip = goRoot(release) === undefined ? `${release} cannot be fetched here` : false;
  t.test(`${release}: the program names itself`, { skip }, async t => {
    for (const arch of ['x86_64', 'arm64'] as const) {
      for (const flags of [[], ['-buildmode=pie']]) {
        const go = openGoProgram(bare(release, arch, flags));
        t.match(go, { release: { name: release }, releaseFoundBy: 'version string' }, arch);
        t.equal(go.buildInfo, undefined);
        t.match(go.problems.join(), new RegExp(`version string is ${release}`));
      }
    }
  });
}

t.test('only releases that are allowed are believed', async t => {
  const elf = bare('go1.26.8', 'x86_64', []);
  t.equal(findVersionString(elf, minor => minor === 26)?.name, 'go1.26.8');
  t.equal(
    findVersionString(elf, minor => minor > 26),
    undefined,
  );
});
