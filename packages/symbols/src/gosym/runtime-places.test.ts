/**
 * Globals and g's place found by disassembly in a program without symbols must be those that the
 * symbols of the same program name.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { openInstructionReader } from '../code/index.js';
import { type Arch, bufferReader, openElf } from '../elf/index.js';
import { buildGoFixture, FIXTURE_RELEASES, goRoot } from '../testing/go-fixtures.js';
import { hideSymbols } from '../testing/hidden-symbols.js';
import { CGO, SELF_DESCRIBING } from '../testing/programs.js';
import { openGoProgram } from './go-program.js';
import { findRuntimeGlobals } from './runtime-globals.js';
import { findTlsG } from './runtime-places.js';

/** True when this command is installed. */
function installed(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const COMPILERS: Record<Arch, string> = {
  x86_64: process.arch === 'x64' ? 'gcc' : 'x86_64-linux-gnu-gcc',
  arm64: process.arch === 'arm64' ? 'gcc' : 'aarch64-linux-gnu-gcc',
};

/** What every release of the tables shows without symbols. */
const WITNESSED = [
  'mheap',
  'memstats',
  'gcController',
  'mbuckets',
  'allgs',
  'memProfileRate',
] as const;

for (const release of FIXTURE_RELEASES) {
  for (const arch of ['x86_64', 'arm64'] as Arch[]) {
    const missing = goRoot(release) === undefined ? `${release} cannot be fetched here` : false;
    t.test(`${release} ${arch}: globals without symbols`, { skip: missing }, async t => {
      const reader = await openInstructionReader(arch);
      for (const flags of [[], ['-buildmode=pie']]) {
        const file = readFileSync(
          buildGoFixture({ source: SELF_DESCRIBING, release, arch, flags }),
        );
        const whole = findRuntimeGlobals(openGoProgram(openElf(bufferReader(file))), reader);
        const bare = openGoProgram(openElf(bufferReader(hideSymbols(file))));
        t.match(whole.foundBy, { mheap: 'symbol', memstats: 'symbol' });
        const decoded = findRuntimeGlobals(bare, reader);
        for (const name of WITNESSED) {
          t.equal(decoded[name], whole[name], `${name} is where its symbol says`);
          t.equal(decoded.foundBy[name], 'disassembly');
        }
        const offset = arch === 'arm64' ? undefined : -8;
        const found = findTlsG(bare, reader);
        t.equal(
          found && 'offset' in found ? found.offset : undefined,
          offset,
          'no cgo: -8, or nowhere on arm64',
        );
      }
    });
  }
}

// Before 1.16 arm64 reads g by an addition and a load.
for (const release of ['go1.15.15', ...FIXTURE_RELEASES]) {
  for (const arch of ['x86_64', 'arm64'] as Arch[]) {
    const missing = goRoot(release) === undefined ? `${release} cannot be fetched here` : false;
    const skip = missing || (installed(COMPILERS[arch]) ? false : `no ${COMPILERS[arch]}`);
    t.test(`${release} ${arch}: g of a cgo program with C thread-locals`, { skip }, async t => {
      const reader = await openInstructionReader(arch);
      for (const flags of [[], ['-buildmode=pie']]) {
        const file = readFileSync(buildGoFixture({ source: CGO, release, arch, flags, cgo: true }));
        const whole = openGoProgram(openElf(bufferReader(file)));
        const bare = openGoProgram(openElf(bufferReader(hideSymbols(file))));
        t.equal(whole.cgo, true);
        t.equal(bare.cgo, true);
        const expected = findTlsG(whole, reader);
        t.equal(expected?.foundBy, 'symbol');
        const offset = expected && 'offset' in expected ? expected.offset : undefined;
        t.same(findTlsG(bare, reader), { offset, foundBy: 'disassembly' });
        // On arm64 this linker happens to put g before the C thread-locals.
        if (arch === 'x86_64') t.not(offset, -8, 'C thread-locals moved it');
      }
    });
  }
}
