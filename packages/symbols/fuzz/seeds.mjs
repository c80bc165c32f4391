/**
 * The programs that are changed: Go of several layouts and builds, and C with mini debug info. What
 * a reader would get wrong: they are built, not committed; a recipe names one of them, and another
 * compiler build may place its tables elsewhere.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bufferReader, openElf } from '../dist/index.js';
import { planUnwind } from './mutate-unwind.mjs';
import { buildGoFixture, CGO, SELF_DESCRIBING } from '../dist/testing/index.js';

const TABLES = new RegExp(
  '^\\.(go\\.|gopclntab|note|rela|relr|dyn|symtab|debug_(info|abbrev|line)|' +
    'eh_frame|gnu_debug|plt|typelink|data\\.rel\\.ro)',
);
/** A `main` that needs no library: small programs are changed and read faster. */
const SMALL = 'package main\n\nfunc main() { println(len("seed")) }\n';
const stripped = ['-ldflags=-s -w'];

/** @type {Readonly<Record<string, () => string>>} */
const BUILDERS = {
  'go1.15.15': () => buildGoFixture({ source: SMALL, release: 'go1.15.15', flags: stripped }),
  'go1.16.15': () => buildGoFixture({ source: SMALL, release: 'go1.16.15', flags: stripped }),
  'go1.18.10': () => buildGoFixture({ source: SMALL, release: 'go1.18.10', flags: stripped }),
  'go1.24.4-pie': () =>
    buildGoFixture({
      source: SMALL,
      release: 'go1.24.4',
      flags: ['-buildmode=pie', ...stripped],
    }),
  'go1.27.0-arm64': () =>
    buildGoFixture({ source: SMALL, release: 'go1.27.0', arch: 'arm64', flags: stripped }),
  'go1.26.8-dwarf': () =>
    buildGoFixture({
      source: SMALL,
      release: 'go1.26.8',
      flags: ['-ldflags=-compressdwarf=false'],
    }),
  'go1.27.0-full': () => buildGoFixture({ source: SELF_DESCRIBING, release: 'go1.27.0' }),
  cgo: () => buildGoFixture({ source: CGO, cgo: true, flags: stripped }),
  c: buildC,
};

/** @returns {string} a C library with mini debug info */
function buildC() {
  const folder = join(tmpdir(), 'sonde-fuzz-seeds');
  const file = join(folder, 'c.so');
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const at = (/** @type {string} */ name) => join(folder, name);
  writeFileSync(
    at('c.c'),
    '#include <stdlib.h>\nstatic int __attribute__((noinline)) f(int a) { return a * 3; }\n' +
      'int g(int a) { return f(a); }\nvoid *m(void) { return malloc(3); }\n',
  );
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', at('full.so'), at('c.c')]);
  execFileSync('objcopy', [
    '-S',
    '--only-keep-debug',
    '--keep-symbol=f',
    at('full.so'),
    at('mini'),
  ]);
  execFileSync('xz', ['-kf', at('mini')]);
  execFileSync('strip', [at('full.so')]);
  execFileSync('objcopy', [`--add-section=.gnu_debugdata=${at('mini.xz')}`, at('full.so'), file]);
  return file;
}

/** Names of all seeds. */
export const SEEDS = Object.keys(BUILDERS);

/**
 * One seed: its bytes, and where its headers and tables lie.
 *
 * @param {string} name
 * @returns {{ name: string, bytes: Uint8Array, regions: import('./mutate.mjs').Region[],
 *   unwind: import('./mutate-unwind.mjs').Plan | undefined }}
 */
export function loadSeed(name) {
  const build = BUILDERS[name];
  if (build === undefined) throw new Error(`load seed ${name}: there is none of that name`);
  const bytes = new Uint8Array(readFileSync(build()));
  const elf = openElf(bufferReader(bytes));
  const view = new DataView(bytes.buffer);
  const sectionHeaders = Number(view.getBigUint64(40, true));
  const regions = [
    { start: 0, end: 64 },
    { start: 64, end: 64 + 56 * elf.segments.length },
    { start: sectionHeaders, end: sectionHeaders + 64 * elf.sections.length },
    ...elf.sections
      .filter(section => TABLES.test(section.name) && section.type !== 8 && section.sizeBytes > 8)
      .map(({ offset, sizeBytes }) => ({ start: offset, end: offset + sizeBytes })),
  ];
  const unwind = planUnwind(bytes, elf);
  return { name, bytes, unwind, regions: regions.filter(each => each.end <= bytes.byteLength) };
}
