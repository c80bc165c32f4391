/**
 * Where hooks go in programs of every release, both calling conventions. What a reader would get
 * wrong: the place behind the stack check must not be the function's first instruction, or a call
 * that grows the stack is counted twice; that functions have the expected branch is the oracle.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Arch, bufferReader, openElf } from '../elf/index.js';
import { openPclntab } from '../gosym/pclntab.js';
import { ALL_RELEASES, buildGoFixture, goRoot } from '../testing/go-fixtures.js';
import { selfDescribing } from '../testing/programs.js';
import { afterStackCheck, findCallsWithResult, openInstructionReader } from './index.js';

const CHECKED = [
  'runtime.mallocgc',
  'runtime.(*mheap).freeSpanLocked',
  'runtime.mProf_Malloc',
  'runtime.gcSweep',
];

/** The first release whose allocLarge ends in a call of initHeapBits. */
const SINCE_HEAP_BITS = 20;

for (const release of ALL_RELEASES) {
  for (const arch of ['x86_64', 'arm64'] as Arch[]) {
    const skip = goRoot(release) === undefined ? `${release} cannot be fetched here` : false;
    t.test(
      `${release} ${arch}: behind the stack check, and calls with the result`,
      { skip },
      async t => {
        const reader = await openInstructionReader(arch);
        const elf = openElf(
          bufferReader(
            readFileSync(buildGoFixture({ source: selfDescribing(release), release, arch })),
          ),
        );
        const table = openPclntab(elf);
        const code = (name: string) => {
          const f = table.functionNamed(name)!;
          return { name, address: f.entry, code: elf.readVirtual(f.entry, f.end - f.entry) };
        };
        for (const name of CHECKED) {
          const f = code(name);
          const place = afterStackCheck(reader, f);
          const before = reader.decode(f.code, f.address).findLast(i => i.address < place.address);
          t.ok(before?.belowOrEqual, `${name}: ${place.instruction} follows the branch`);
        }
        const minor = Number(release.split('.')[1]);
        if (minor < SINCE_HEAP_BITS) return;
        const callees = table.functionsNamed('runtime.(*mspan).initHeapBits').map(f => f.entry);
        const calls = findCallsWithResult(reader, code('runtime.(*mcache).allocLarge'), callees);
        t.equal(calls.length, 1, 'the call passes what allocLarge returns');
      },
    );
  }
}
