/**
 * The target against what running programs say of themselves: memory figures, stacks, mappings.
 * Needs the right to read a child's memory, as every test of a tracer does.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import {
  buildGoFixture,
  CGO,
  FIXTURE_RELEASES,
  goRoot,
  SELF_DESCRIBING,
} from '@sonde/symbols/testing';
import t from 'tap';
import { symbolizeStack } from '../stacks/index.js';
import { RunningProgram } from '../testing/running-program.js';
import { openTarget, type Target, type TargetAttachIr } from './index.js';

const HEAP_BYTES = 24 << 20;
/** The runtime prints its figures after it took them; printing allocates a span or two. */
const SLACK_BYTES = 64 << 10;
const BUILDS = [
  { name: 'plain', flags: [] },
  { name: 'stripped', flags: ['-ldflags=-s -w'] },
  { name: 'stripped PIE', flags: ['-buildmode=pie', '-ldflags=-s -w'] },
];

interface Described {
  Pcs: string[];
  Frames: { Function: string; File: string; Line: number }[];
}

/**
 * Return addresses as a stack walk finds them: runtime.Callers makes one up for every inlined
 * call, and each real one already stands for the frames inlined into its function.
 */
function physicalPcs(target: Target, pcs: readonly string[]): bigint[] {
  const physical: bigint[] = [];
  for (let i = 0; i < pcs.length;) {
    physical.push(BigInt(pcs[i]!));
    i += symbolizeStack(target, [BigInt(pcs[i]!)]).length;
  }
  return physical;
}

for (const release of FIXTURE_RELEASES) {
  const skip = goRoot(release) === undefined ? `${release} cannot be fetched here` : false;
  for (const { name, flags } of BUILDS) {
    t.test(`${release} ${name}: what the program says of itself`, { skip }, async t => {
      const path = buildGoFixture({ source: SELF_DESCRIBING, release, flags });
      const program = await RunningProgram.start(path, [String(HEAP_BYTES)]);
      t.teardown(() => program.stop());
      const stacks = [await program.line(), await program.line()].map(
        line => JSON.parse(line) as Described,
      );
      t.equal(await program.line(), 'ready');
      const target = await openTarget(program.pid);
      t.teardown(() => target.close());
      t.match(target.info, {
        pid: program.pid,
        exe: path,
        goRelease: release,
        cgo: false,
        stripped: flags.length > 0,
        pie: name.includes('PIE'),
        goAbi: 1,
        tableRung: /^exact table 1\.\d+\.0\//,
      });
      t.ok(target.info.startTimeNs > 0);

      for (const described of stacks) {
        const frames = symbolizeStack(target, physicalPcs(target, described.Pcs));
        const ours = frames.map(f => ({
          Function: f.function.replace(/\[.*\]/, '[...]'),
          File: f.file,
          Line: f.line,
        }));
        t.same(ours, described.Frames, 'frames equal runtime.CallersFrames');
        t.ok(frames.every(f => f.kind === 'go' && f.module === path));
      }
      const inlined = symbolizeStack(target, physicalPcs(target, stacks[0]!.Pcs))
        .filter(f => f.inlined)
        .map(f => f.function);
      t.same(inlined, ['main.inner', 'main.middle'], 'inlined calls are marked');

      await program.ask('warm up');
      const said = JSON.parse(await program.ask('figures')) as Record<string, number | string>;
      const sample = target.memorySample();
      const close = (ours: number | undefined, theirs: unknown, label: string): void => {
        t.ok(Math.abs(ours! - Number(theirs)) <= SLACK_BYTES, `${label}: ${ours} and ${theirs}`);
      };
      t.ok(sample.goHeapInUseBytes! > HEAP_BYTES);
      close(sample.goHeapInUseBytes, said['heapInuse'], 'heap in use');
      close(sample.goHeapIdleBytes, said['heapIdle'], 'heap idle');
      close(sample.goHeapReleasedBytes, said['heapReleased'], 'heap released');
      close(sample.goStacksBytes, said['stackInuse'], 'stacks');
      t.equal(sample.goGcCycles, said['numGC'], 'cycles of the garbage collector');
      t.ok(sample.goGcCycles! >= 2);
      t.equal(sample.fileBytes + sample.anonBytes + sample.shmemBytes, sample.rssBytes);

      const region = BigInt(said['region']!);
      const mib = 1n << 20n;
      const ranges = [
        { start: region, end: region + mib },
        { start: region + mib, end: region + 2n * mib },
        { start: region + mib - 100n, end: region + mib + 100n },
      ];
      t.same(target.residentPages(ranges), [1 << 20, 0, 100], 'resident bytes of a mapping');
      t.equal(target.readMemory(region, 1)[0], 1);
      t.throws(() => target.readMemory(8n, 8), {
        name: 'UsageError',
        message: /at 0x8: not mapped/,
      });
    });
  }
}

const SITE = { name: 'test', program: 'test' };

t.test('attach places lie in the file and in the memory at the same instruction', async t => {
  const program = await RunningProgram.start(buildGoFixture({ source: CGO, cgo: true }));
  t.teardown(() => program.stop());
  await program.line();
  const target = await openTarget(program.pid);
  t.teardown(() => target.close());
  t.equal(target.info.cgo, true);
  const points: TargetAttachIr[] = [
    ...['malloc', 'calloc', 'realloc', 'free', 'posix_memalign', 'memalign'].map(
      symbol => ({ ...SITE, kind: 'cFunction', symbol, library: 'libc' }) as const,
    ),
    { ...SITE, kind: 'cReturn', symbol: 'malloc', library: 'libc' },
    { ...SITE, kind: 'cFunction', symbol: 'getpid', library: { soname: 'libc.so' } },
    { ...SITE, kind: 'goEntry', symbols: ['runtime.noSuch', 'runtime.(*mheap).freeSpanLocked'] },
    { ...SITE, kind: 'goReturn', symbols: ['runtime.mallocgc'] },
    {
      ...SITE,
      kind: 'goCall',
      caller: 'runtime.(*mcache).allocLarge',
      callee: 'runtime.(*mspan).initHeapBits',
    },
  ];
  for (const point of points) {
    const locations = target.resolve(point);
    t.ok(locations.length > 0, `${point.kind}: ${locations[0]?.symbol}`);
    for (const { file, fileOffset, address } of locations) {
      const inFile = readFileSync(file).subarray(fileOffset, fileOffset + 8);
      t.same(Buffer.from(target.readMemory(address, 8)), inFile);
      t.ok(target.moduleAt(address)?.elf);
    }
  }
  const [malloc] = target.resolve(points[0]!);
  t.match(symbolizeStack(target, [malloc!.address], { innermostExact: true }), [
    { function: 'malloc', kind: 'c', module: malloc!.module, inlined: false },
  ]);
  t.ok(target.resolve(points.at(-2)!).length > 1, 'every return of mallocgc');
  t.match(target.resolve(points.at(-1)!), [{ costClass: 'emulated' }], 'a call is emulated');
  for (const [point, message] of [
    [{ ...SITE, kind: 'goReturn', symbols: ['main.none'] }, /main\.none not found in/],
    [{ ...SITE, kind: 'cFunction', symbol: 'none', library: 'libc' }, /symbol none not found in/],
    [
      { ...SITE, kind: 'cFunction', symbol: 'f', library: { soname: 'libnone.so' } },
      /maps no libnone/,
    ],
    [
      { ...SITE, kind: 'goCall', caller: 'main.main', callee: 'runtime.mallocgc' },
      /main\.main does not call runtime\.mallocgc/,
    ],
  ] as [TargetAttachIr, RegExp][]) {
    t.throws(() => target.resolve(point), { name: 'UnsupportedError', message, hint: /./ });
  }
});

t.test('a static cgo program has its malloc in the executable', async t => {
  const flags = ['-ldflags=-linkmode=external -extldflags=-static'];
  const path = buildGoFixture({ source: CGO, cgo: true, flags });
  const program = await RunningProgram.start(path);
  t.teardown(() => program.stop());
  await program.line();
  const target = await openTarget(program.pid);
  t.teardown(() => target.close());
  const malloc = { ...SITE, kind: 'cFunction', symbol: 'malloc', library: 'libc' } as const;
  t.match(target.resolve(malloc), [{ module: path, symbol: 'malloc' }]);
});

const namespace = ['--pid', '--fork', '--mount-proc'];
const noNamespace =
  spawnSync('unshare', [...namespace, 'true']).status !== 0 && 'a pid namespace may not be made';
t.test('a tracer in its own pid namespace names it', { skip: noNamespace }, async t => {
  const index = new URL('./index.js', import.meta.url).href;
  const code = `import { pidFilter } from '${index}';
    import { statSync } from 'node:fs';
    const { tgid, pidnsIno, pidnsDev } = pidFilter(process.pid);
    const { ino } = statSync('/proc/self/ns/pid', { bigint: true });
    console.log(process.pid, tgid, pidnsIno === ino, pidnsDev > 0n);`;
  const node = [process.execPath, '--input-type=module', '-e', code];
  const { stdout } = spawnSync('unshare', [...namespace, ...node], { encoding: 'utf8' });
  t.equal(stdout.trim(), '1 1 true true');
});

t.test('waiting for the end of a target can be given up', async t => {
  const program = await RunningProgram.start(buildGoFixture({ source: SELF_DESCRIBING }), ['1']);
  t.teardown(() => program.stop());
  await program.line();
  const target = await openTarget(program.pid);
  t.teardown(() => target.close());
  const abort = new AbortController();
  const exited = target.exited(abort.signal);
  abort.abort();
  await exited;
  t.ok(target.cpuNs() !== undefined, 'the target is still alive');
});

t.test('names and the last snapshot outlive the target, memory does not', async t => {
  const path = buildGoFixture({ source: SELF_DESCRIBING });
  const program = await RunningProgram.start(path, ['1']);
  t.teardown(() => program.stop());
  const { Pcs, Frames } = JSON.parse(await program.line()) as Described;
  const target = await openTarget(program.pid);
  t.teardown(() => target.close());
  const exited = target.exited();
  const snapshot = target.maps();
  await program.stop();
  await exited;
  t.equal(target.refreshMaps(), false);
  t.equal(target.maps(), snapshot);
  const frames = symbolizeStack(target, physicalPcs(target, Pcs));
  t.same(
    frames.map(f => f.function),
    Frames.map(f => f.Function),
  );
  t.equal(target.cpuNs(), undefined);
  t.throws(() => target.memorySample(), { name: 'UsageError', message: /has exited/ });
});
