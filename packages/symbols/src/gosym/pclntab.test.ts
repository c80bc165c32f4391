/**
 * The function table against Go's own tools, for every release of the tables, both architectures,
 * fixed and position-independent, with symbols and without.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Arch, bufferReader, openElf } from '../elf/index.js';
import { ALL_RELEASES, buildGoFixture, goRoot, goTool } from '../testing/go-fixtures.js';
import { hideSections, hideSymbols } from '../testing/hidden-symbols.js';
import { SELF_DESCRIBING, selfDescribing } from '../testing/programs.js';
import { type GoProgram, openGoProgram } from './go-program.js';

const ARCHES: readonly Arch[] = ['x86_64', 'arm64'];
const ADDRESSES = 1000;

/** The tools whose word is taken, by architecture: binutils print the inlined frames of DWARF. */
const ADDR2LINE: Readonly<Record<Arch, string>> =
  process.arch === 'arm64'
    ? { x86_64: 'x86_64-linux-gnu-addr2line', arm64: 'addr2line' }
    : { x86_64: 'addr2line', arm64: 'aarch64-linux-gnu-addr2line' };

/** Go functions by address, as `go tool nm` lists them; ABI suffixes are not in Go's own table. */
function nmFunctions(release: string, binary: string): Map<number, string> {
  const functions = new Map<number, string>();
  for (const line of goTool(release, ['nm', binary]).split('\n')) {
    const match = /^\s*([0-9a-f]+) [Tt] (.+)$/.exec(line);
    if (match === null || /^(runtime\.e?text|_rt0_|go[:.])/.test(match[2]!)) continue;
    functions.set(Number.parseInt(match[1]!, 16), match[2]!.replace(/\.abi(0|internal)$/, ''));
  }
  return functions;
}

/** Function, file and line of addresses, as `go tool addr2line` prints them. */
function goAddr2line(release: string, binary: string, addresses: readonly number[]): string[] {
  const input = addresses.map(a => `0x${a.toString(16)}\n`).join('');
  const lines = goTool(release, ['addr2line', binary], input).trim().split('\n');
  return addresses.map((_, i) => `${lines[2 * i]} ${lines[2 * i + 1]}`);
}

/** Frames of addresses by the program's DWARF, innermost first; undefined without binutils. */
function dwarfFrames(
  arch: Arch,
  binary: string,
  addresses: readonly number[],
): string[][] | undefined {
  const input = addresses.map(a => `0x${a.toString(16)}\n`).join('');
  const done = spawnSync(ADDR2LINE[arch], ['-a', '-f', '-i', '-e', binary], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (done.error !== undefined || done.status !== 0) return undefined;
  // Up to 2.40 they cannot read the line tables of DWARF 5, which Go writes since 1.25.
  if (done.stdout.includes('go.go:?')) return undefined;
  return done.stdout
    .split(/^0x[0-9a-f]+\n/m)
    .slice(1)
    .map(block => {
      const lines = block.trimEnd().split('\n');
      return Array.from({ length: lines.length >> 1 }, (_, i) => {
        const place = lines[2 * i + 1]!.replace(/^\.\//, '').replace(/ \(discriminator \d+\)$/, '');
        return `${lines[2 * i]} ${place}`;
      });
    });
}

/**
 * A name as all tools write it: the table of 1.18 to 1.20 leaves the arguments of generic types
 * out, and what is local to a function carries a middle dot, which ELF names have as a dot.
 */
const plain = (name: string): string => name.replace(/\[.*\]/, '[...]').replaceAll('·', '.');

/** Addresses spread over functions, at the start of no instruction in particular. */
function spread(go: GoProgram, count: number): number[] {
  const functions = [...go.pclntab.functions()].filter(f => f.end > f.entry);
  return Array.from({ length: count }, (_, i) => {
    const f = functions[(i * 7919) % functions.length]!;
    const quantum = go.elf.arch === 'arm64' ? 4 : 1;
    const step = Math.floor((f.end - f.entry) / quantum);
    return f.entry + ((i * 104729) % step) * quantum;
  });
}

const MODES = [
  { name: 'exe', flags: [] },
  { name: 'pie', flags: ['-buildmode=pie'] },
];

/** What a comparison needs of a test; tap's own type cannot be named here. */
type Assertions = Pick<typeof t, 'equal' | 'match' | 'ok' | 'same' | 'comment'>;

function compare(t: Assertions, release: string, arch: Arch, mode: (typeof MODES)[number]): void {
  const label = `${arch} ${mode.name}`;
  const source = selfDescribing(release);
  const binary = buildGoFixture({ source, release, arch, flags: mode.flags });
  const go = openGoProgram(openElf(bufferReader(hideSymbols(readFileSync(binary)))));
  t.equal(go.release.name, release, `${label}: release`);
  t.match(go, { cgo: false, stripped: true, pie: mode.name === 'pie' }, label);
  const expected = nmFunctions(release, binary);
  t.ok(expected.size > 1000, `${label}: nm lists functions`);
  const wrong = [...expected].filter(([entry, fn]) => {
    const found = go.pclntab.functionAt(entry);
    return found?.entry !== entry || plain(found.name) !== plain(fn);
  });
  t.same(wrong, [], `${label}: ${expected.size} functions by address`);
  const unnamed = [...expected.keys()].filter(entry => {
    const { name } = go.pclntab.functionAt(entry)!;
    return !go.pclntab.functionsNamed(name).some(f => f.entry === entry);
  });
  t.same(unnamed, [], `${label}: functions by name`);

  const addresses = spread(go, ADDRESSES);
  const batch = go.pclntab.symbolizeMany(Float64Array.from(addresses));
  // The newest tool reads every layout; those to 1.19 find nothing in a PIE.
  const lines = goAddr2line(ALL_RELEASES.at(-1)!, binary, addresses);
  const different = addresses.flatMap((address, i) => {
    const frames = batch.framesOf(batch.frameListOf[i]!);
    // addr2line prints the outer function, but file and line of the innermost frame.
    const ours = `${frames.at(-1)?.function} ${frames[0]?.file}:${frames[0]?.line}`;
    const padding = frames[0]?.line === undefined;
    return padding || ours === lines[i] ? [] : [[address.toString(16), ours, lines[i]]];
  });
  t.same(different, [], `${label}: ${addresses.length} file and line`);
  const dwarf = dwarfFrames(arch, binary, addresses);
  if (dwarf === undefined) {
    t.comment(`${label}: inlined frames not compared: ${ADDR2LINE[arch]} is missing or too old`);
    return;
  }
  const stacks = addresses.flatMap((address, i) => {
    const frames = go.pclntab.framesAt(address);
    // What the compiler generated has no line in DWARF; the table names it a frame of its own.
    const generated = frames.some(f => f.file === '<autogenerated>');
    if (generated || frames[0]?.line === undefined) return [];
    // binutils name the innermost frame after the symbol around it: its place is what counts.
    const placeOnly = (frame: string, n: number): string =>
      n === 0 ? frame.slice(frame.lastIndexOf(' ') + 1) : plain(frame);
    const ours = frames.map((f, n) => placeOnly(`${f.function} ${f.file}:${f.line}`, n));
    const theirs = dwarf[i]!.map(placeOnly);
    return JSON.stringify(ours) === JSON.stringify(theirs) ? [] : [[address, ours, theirs]];
  });
  // Where an instruction has two positions, DWARF and the table may each keep another one.
  const right = addresses.length - stacks.length;
  t.ok(right >= addresses.length * 0.999, `${label}: ${right} stacks of inlined frames`);
  t.comment(JSON.stringify(stacks));
}

for (const release of ALL_RELEASES) {
  const skip = goRoot(release) === undefined ? `${release} cannot be fetched here` : false;
  t.test(`${release}: functions, lines and inlined frames`, { skip }, async t => {
    for (const arch of ARCHES) for (const mode of MODES) compare(t, release, arch, mode);
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

t.test('a release that nobody knows yet is symbolized', async t => {
  const file = readFileSync(buildGoFixture({ source: SELF_DESCRIBING, release: 'go1.26.8' }));
  const at = file.indexOf('go1.26.8', file.indexOf('\xff Go buildinf:', 0, 'latin1'));
  file.write('go1.99.8', at, 'latin1');
  const go = openGoProgram(openElf(bufferReader(file)));
  t.equal(go.release.name, 'go1.99.8');
  const [main] = go.pclntab.framesAt(go.pclntab.functionNamed('main.main')!.entry);
  t.match(main, { function: 'main.main', file: /main\.go$/, line: Number, inlined: false });
});
