/**
 * Every rung of the ladder, forced: tables removed, DWARF stripped, fields shifted. The oracle is
 * the table of the release itself, which the rungs below do not see.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { openEffectReader } from '../code/index.js';
import { type Arch, bufferReader, type ElfFile, openElf } from '../elf/index.js';
import { buildGoFixture, goRoot } from '../testing/go-fixtures.js';
import { openPclntab } from './index.js';
import { confirmOffsets, GO_TABLES, resolveOffsets, type TableSource } from './ladder.js';
import { type GoOffsets, goOffsets, UnknownReleaseError } from './offsets.js';
import { type GoRelease, parseGoRelease } from './release.js';

const SOURCE = `package main

var held [][]byte

func main() {
	for i := 0; i < 20; i++ {
		held = append(held, make([]byte, 100000))
	}
	println("ready")
}
`;
const STRIPPED = ['-ldflags=-s -w'];
const ARCHES: readonly Arch[] = ['x86_64', 'arm64'];

const FIELDS = [
  ...['g.m', 'g.goid', 'g.sched.sp', 'g.sched.bp', 'g.stack.lo', 'g.atomicstatus'],
  ...['m.g0', 'm.curg', 'm.procid', 'm.ncgo', 'mspan.npages', 'mspan.elemsize', 'mspan.sizeof'],
  ...['mheap.allspans', 'mheap.pagesInUse', 'gcControllerState.heapInUse', 'mstats.numgc'],
  ...['heapStatsDelta.largeAlloc', 'heapStatsDelta.sizeof', 'moduledata.text', 'bucket.nstk'],
];

/** The generated tables without some minor releases. */
function without(...removed: string[]): TableSource {
  return {
    lines: () => GO_TABLES.lines().filter(line => !removed.includes(line)),
    offsets(release, arch) {
      if (!removed.includes(release.line)) return goOffsets(release, arch);
      throw new UnknownReleaseError(`go ${release.line} was removed`, 'by the test');
    },
  };
}

/** Those tables with one field of every row moved. */
function shifted(tables: TableSource, field: string, by: number): TableSource {
  return {
    lines: () => tables.lines(),
    offsets(release, arch): GoOffsets {
      const row = tables.offsets(release, arch);
      const get = (name: string): number | undefined =>
        name === field ? row.get(name)! + by : row.get(name);
      return { key: row.key, rung: row.rung, get, need: name => get(name) ?? row.need(name) };
    },
  };
}

interface Opened {
  readonly elf: ElfFile;
  readonly release: GoRelease;
  readonly functionsNamed: (name: string) => readonly { entry: number; end: number }[];
}

function open(release: string, arch: Arch, flags: readonly string[] = []): Opened {
  const binary = buildGoFixture({ source: SOURCE, release, arch, flags });
  const elf = openElf(bufferReader(readFileSync(binary)));
  const pclntab = openPclntab(elf);
  const functionsNamed = (name: string) => pclntab.functionsNamed(name);
  return { elf, release: parseGoRelease(release)!, functionsNamed };
}

const missing = (release: string): string | false =>
  goRoot(release) === undefined ? `${release} cannot be fetched here` : false;

t.test('rung: table', { skip: missing('go1.26.8') }, async t => {
  const opened = open('go1.26.8', 'x86_64');
  const offsets = resolveOffsets(opened);
  t.match(offsets.rung, /table 1\.26/);
  t.equal(offsets.need('g.goid'), 152);
  t.equal(confirmOffsets(opened, offsets), offsets, 'nothing is left to confirm');
});

for (const release of ['go1.15.15', 'go1.18.10', 'go1.24.13', 'go1.27.4']) {
  t.test(`${release}, table removed: its own DWARF`, { skip: missing(release) }, async t => {
    for (const arch of ARCHES) {
      const opened = open(release, arch);
      const { line } = opened.release;
      const offsets = resolveOffsets({ ...opened, tables: without(line) });
      t.equal(offsets.rung, "the program's own DWARF");
      t.throws(() => offsets.need('g.no_such'), /own DWARF/);
      if (!GO_TABLES.lines().includes(line)) continue;
      const table = goOffsets(opened.release, arch);
      for (const field of FIELDS) t.equal(offsets.get(field), table.get(field), `${arch} ${field}`);
    }
  });
}

/** What probes cannot do without. */
const NEEDED = [
  ...['g.m', 'g.goid', 'g.sched.sp', 'g.sched.bp', 'g.stack.lo', 'g.stack.hi'],
  ...['m.g0', 'm.curg', 'm.ncgo', 'mspan.startAddr', 'mspan.npages', 'mspan.spanclass'],
  ...['mspan.elemsize', 'mheap.allspans', 'mheap.pagesInUse', 'heapStatsDelta.largeAlloc'],
];

for (const [release, neighbour] of [
  ['go1.27.4', '1.26'],
  ['go1.26.8', '1.27'],
] as const) {
  const skip = missing(release);
  t.test(`${release}, table removed, stripped: ${neighbour} by disassembly`, { skip }, async t => {
    for (const arch of ARCHES) {
      const opened = open(release, arch, STRIPPED);
      const tables = without(...GO_TABLES.lines().filter(line => line !== neighbour));
      const open1 = resolveOffsets({ ...opened, tables });
      t.throws(
        () => open1.need('g.goid'),
        { name: 'UnknownReleaseError' },
        'not before it is seen',
      );
      const effects = await openEffectReader(arch);
      const offsets = confirmOffsets({ ...opened, tables, effects }, open1);
      t.match(offsets.rung, /^table 1\.\d+\.\d+\/\S+ confirmed by disassembly \(\d+ fields\)$/);
      const own = goOffsets(opened.release, arch);
      for (const field of NEEDED) t.equal(offsets.get(field), own.get(field), `${arch} ${field}`);
      t.equal(offsets.get('bucket.nstk'), undefined, 'no witness, no answer');
      t.throws(() => offsets.need('bucket.nstk'), {
        name: 'UnknownReleaseError',
        message: /bucket\.nstk/,
        hint: /unstripped/,
      });
      for (const field of ['g.goid', 'm.curg', 'mspan.npages', 'mheap.pagesInUse']) {
        const wrong = shifted(tables, field, 8);
        const seen = own.need(field);
        t.throws(
          () => resolveOffsets({ ...opened, tables: wrong, effects }),
          {
            name: 'UnknownReleaseError',
            message: new RegExp(`has ${field.replace('.', '\\.')} at \\d+, its code uses ${seen} `),
          },
          `${arch}: ${field} shifted`,
        );
      }
    }
  });
}

const skipFour = missing('go1.24.13');
t.test('a neighbour whose fields lie elsewhere is refused', { skip: skipFour }, async t => {
  for (const arch of ARCHES) {
    const opened = open('go1.24.13', arch, STRIPPED);
    const others = GO_TABLES.lines().filter(line => !['1.26', '1.27'].includes(line));
    const effects = await openEffectReader(arch);
    const tables = without(...others);
    const climb = (): unknown => resolveOffsets({ ...opened, tables, effects });
    t.throws(climb, { message: /its code uses/, hint: /unstripped/ }, '1.26 is not 1.24');
    t.throws(
      () => resolveOffsets({ ...opened, tables: without(...GO_TABLES.lines()), effects }),
      { name: 'UnknownReleaseError' },
      'no table at all',
    );
  }
});

t.test('a patch that is newer than the tables is confirmed', { skip: skipFour }, async t => {
  const opened = open('go1.24.13', 'x86_64', STRIPPED);
  const release = parseGoRelease('go1.24.99')!;
  const effects = await openEffectReader('x86_64');
  const offsets = resolveOffsets({ ...opened, release, effects });
  t.match(offsets.rung, /newer than the last patch .*confirmed by disassembly/);
  t.equal(offsets.need('bucket.nstk'), goOffsets(release, 'x86_64').need('bucket.nstk'));
  const tables = shifted(GO_TABLES, 'g.goid', 8);
  t.throws(() => resolveOffsets({ ...opened, release, effects, tables }), /g\.goid/);
  const named = parseGoRelease('go1.24rc1')!;
  t.match(
    resolveOffsets({ ...opened, release: named, effects }).rung,
    /confirmed by/,
    'no release',
  );
});
