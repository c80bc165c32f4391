/**
 * Offsets from DWARF: of programs that were built, in every compression and version that Go has
 * written, and of entries made by hand for what Go's linker does not write.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Arch, bufferReader, openElf } from '../elf/index.js';
import { buildGoFixture, goRoot } from '../testing/go-fixtures.js';
import { DwarfStructures, hasDwarf, readDwarfStructures } from './structures.js';
import { readGoUnits } from './units.js';

/** Every release can build it. */
const SMALL = 'package main\n\nfunc main() { println("ready") }\n';

const WANTED = new Set(['runtime.g', 'runtime.m', 'runtime.mspan', 'runtime.mheap']);

/** Measured with Go's own debug/dwarf; g.goid, g.sched.bp, m.curg, mspan.sizeof, mheap.allspans. */
const EXPECTED: readonly (readonly [release: string, section: string, numbers: number[]])[] = [
  ['go1.15.15', '.zdebug_info', [152, 104, 192, 136, 65848]],
  ['go1.18.10', '.zdebug_info', [152, 104, 192, 144, 65848]],
  ['go1.19.13', '.debug_info', [152, 104, 192, 144, 65856]],
  ['go1.23.12', '.debug_info', [160, 104, 192, 160, 65864]],
  ['go1.25.13', '.debug_info', [152, 96, 184, 160, 65864]],
  ['go1.27.4', '.debug_info', [152, 96, 184, 160, 65864]],
];

for (const [release, section, numbers] of EXPECTED) {
  const skip = goRoot(release) === undefined ? `${release} cannot be fetched here` : false;
  t.test(`${release}: offsets from ${section}`, { skip }, async t => {
    for (const arch of ['x86_64', 'arm64'] as Arch[]) {
      const binary = buildGoFixture({ source: SMALL, release, arch });
      const elf = openElf(bufferReader(readFileSync(binary)));
      t.ok(elf.section(section), `${arch}: written as ${section}`);
      const dwarf = readDwarfStructures(elf, WANTED)!;
      t.same(dwarf.names.sort(), [...WANTED].sort());
      t.same(
        [
          dwarf.offsetOf('runtime.g', ['goid']),
          dwarf.offsetOf('runtime.g', ['sched', 'bp']),
          dwarf.offsetOf('runtime.m', ['curg']),
          dwarf.sizeOf('runtime.mspan'),
          dwarf.offsetOf('runtime.mheap', ['allspans']),
        ],
        numbers,
        arch,
      );
      t.equal(dwarf.offsetOf('runtime.g', ['goid', 'x']), undefined, 'a number has no fields');
      t.equal(dwarf.offsetOf('runtime.g', ['no_such']), undefined);
      t.equal(dwarf.offsetOf('runtime.p', ['id']), undefined, 'a type that was not asked for');
    }
  });
}

t.test('a stripped program has none', async t => {
  const binary = buildGoFixture({ source: SMALL, flags: ['-ldflags=-s -w'] });
  const elf = openElf(bufferReader(readFileSync(binary)));
  t.notOk(hasDwarf(elf));
  t.equal(readDwarfStructures(elf, WANTED), undefined);
});

/** One unit of version 5 with string indices, an indirect form, and a structure in a typedef. */
function handMade(): { info: number[]; abbrev: number[] } {
  const abbrev = [
    // 1: compile unit with children: language data1, str_offsets_base sec_offset
    ...[1, 0x11, 1, 0x13, 0x0b, 0x72, 0x17, 0, 0],
    // 2: structure with children: name strx1, byte_size udata
    ...[2, 0x13, 1, 0x03, 0x25, 0x0b, 0x0f, 0, 0],
    // 3: member: name string, location exprloc, type ref4
    ...[3, 0x0d, 0, 0x03, 0x08, 0x38, 0x18, 0x49, 0x13, 0, 0],
    // 4: typedef: name string, type indirect
    ...[4, 0x16, 0, 0x03, 0x08, 0x49, 0x16, 0, 0],
    // 5: structure with children: byte_size implicit_const 24
    ...[5, 0x13, 1, 0x0b, 0x21, 24, 0, 0],
    0,
  ];
  const body = [
    ...[1, 0x16, 8, 0, 0, 0],
    // at 18: structure `T`, 200 bytes; field `f` at 130 (DW_OP_plus_uconst), type at 31
    ...[2, 0, 0xc8, 0x01],
    ...[3, 0x66, 0, 3, 0x23, 0x82, 0x01, 31, 0, 0, 0],
    0,
    // at 34 below: typedef `U` of the structure behind it
    ...[4, 0x55, 0, 0x13, 39, 0, 0, 0],
    ...[5, 3, 0x67, 0, 2, 0x23, 8, 0, 0, 0, 0, 0],
    0,
  ];
  const typedefAt = 12 + 6 + 4 + 11 + 1;
  body[6 + 4 + 7] = typedefAt;
  body[6 + 4 + 11 + 1 + 4] = typedefAt + 8;
  const rest = [5, 0, 1, 8, 0, 0, 0, 0, ...body];
  return { info: [rest.length, 0, 0, 0, ...rest], abbrev };
}

t.test('string indices, expressions, typedefs, indirect and implicit forms', async t => {
  const { info, abbrev } = handMade();
  const sections = {
    info: Uint8Array.from(info),
    abbrev: Uint8Array.from(abbrev),
    str: Buffer.from('xx\0p.T\0'),
    lineStr: undefined,
    strOffsets: Uint8Array.from([0, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0]),
  };
  const units = readGoUnits(sections);
  t.equal(units.length, 1);
  const found = DwarfStructures.find(sections, units, new Set(['p.T']));
  t.equal(found.sizeOf('p.T'), 200);
  t.equal(found.offsetOf('p.T', ['f']), 130);
  t.equal(found.offsetOf('p.T', ['f', 'g']), 138, 'through the typedef');
});

t.test('damaged sections end in a FormatError or in less, never otherwise', async t => {
  const binary = buildGoFixture({ source: SMALL });
  const file = readFileSync(binary);
  const elf = openElf(bufferReader(file));
  let refused = 0;
  for (const name of ['.debug_info', '.debug_abbrev']) {
    const { offset, sizeBytes } = elf.section(name)!;
    for (let i = 0; i < 40; i++) {
      const bytes = Uint8Array.from(file);
      bytes[offset + ((i * 7919) % sizeBytes)]! ^= 0xff;
      try {
        readDwarfStructures(openElf(bufferReader(bytes)), WANTED);
      } catch (error) {
        refused++;
        t.equal((error as Error).name, 'FormatError', `${name}: ${String(error)}`);
      }
    }
  }
  t.ok(refused > 10, `${refused} of 80 damages were noticed`);

  const { info, abbrev } = handMade();
  for (let at = 0; at < info.length; at++) {
    for (const value of [0, 0x7f, 0xff]) {
      const damaged = Uint8Array.from(info);
      damaged[at] = value;
      const sections = {
        info: damaged,
        abbrev: Uint8Array.from(abbrev),
        str: Buffer.from('xx\0p.T\0'),
        lineStr: undefined,
        strOffsets: undefined,
      };
      try {
        const units = readGoUnits(sections);
        DwarfStructures.find(sections, units, new Set(['p.T'])).offsetOf('p.T', ['f', 'g']);
      } catch (error) {
        t.equal((error as Error).name, 'FormatError', String(error));
      }
    }
  }
});
