/** What the loader refuses, and what it says then; on a real kernel. */
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { LoadError } from '../errors.js';
import { BpfObject } from '../libbpf/index.js';
import { compileProgram, hostLane } from '../testing/index.js';
import { FIXTURE_IR, hashMacro } from '../testing/fixture-session.js';
import { hostArch } from './host-arch.js';
import { loadProbe, readProbeObject, refusalError, type LoadPlan } from './probe-object.js';

// Compilers and the verifier run here; tap's 30 s are too few on a busy machine.
t.setTimeout(240_000);

const skip = await hostLane();

function plan(bytes: Uint8Array, changes: Partial<LoadPlan> = {}): LoadPlan {
  return {
    ir: FIXTURE_IR,
    bytes,
    config: { target: {}, params: {}, mode: 'stream' },
    shared: new Map(),
    mapEntries: {},
    programs: new Set(['on_call']),
    multiPrograms: new Set(),
    ...changes,
  };
}

function fixtureBytes(hash = FIXTURE_IR.hash): Uint8Array {
  const defines = { FIXTURE_HASH: hashMacro(hash) };
  return compileProgram('fixture', { defines, outputName: `fixture-${hash.slice(0, 4)}` }).bytes;
}

t.test("another schema's object is refused before the kernel sees it", { skip }, async t => {
  const foreign = 'f'.repeat(32);
  t.throws(() => loadProbe(plan(fixtureBytes(foreign)), new Set()), {
    name: 'LoadError',
    message: new RegExp(`carries schema hash ${foreign}, the decoder ${FIXTURE_IR.hash}$`),
    hint: /rebuild/,
  });
});

t.test('sizes come from override, parameter, then schema', { skip }, async t => {
  const sizes: number[] = [];
  const config = { target: {}, params: { maxCalls: 33 }, mode: 'stream' } as const;
  for (const changes of [{}, { config }, { config, mapEntries: { callsByArgument: 7 } }]) {
    const { object } = loadProbe(plan(fixtureBytes(), changes), new Set());
    sizes.push(object.map('calls_by_argument').maxEntries);
    t.ok(object.programFd('on_call') > 0);
    t.throws(() => object.programFd('on_return'), LoadError, 'left out, so not loaded');
    t.throws(() => object.initialValue('.rodata.sonde'), LoadError, 'too late to write');
    object.close();
    object.close();
  }
  t.same(sizes, [64, 33, 7]);
});

t.test('a value out of range and an unknown parameter are refused', { skip }, async t => {
  for (const params of [{ maxCalls: 2 ** 32 }, { maxCalls: -1 }, { nothing: 1 }]) {
    const config = { target: {}, params, mode: 'stream' } as const;
    t.throws(() => loadProbe(plan(fixtureBytes(), { config }), new Set()), LoadError);
  }
});

// bad_loop's log alone costs seconds to write; its end is among the stored ones.
for (const name of ['bad_memory', 'bad_null', 'bad_reference']) {
  t.test(`${name}: the verifier's refusal names program and line`, { skip }, async t => {
    const object = new BpfObject(name, compileProgram(name).bytes);
    t.teardown(() => object.close());
    const refused = object.load();
    t.ok(refused, 'the kernel refuses it');
    if (refused === undefined) return;
    const error = refusalError(`object ${name}`, refused);
    t.equal(error.program, name);
    t.not(error.summary, '');
    t.match(error.source, /[;})]/);
    t.match(error.message, new RegExp(`^load object ${name}, program ${name}: .*, at: `));
    t.notMatch(error.message, /\n/);
    t.ok(error.log.includes(error.summary.split('; ')[0] ?? '?'), 'the whole log is on the error');
  });
}

t.test('bytes that are no object are refused', { skip }, async t => {
  t.throws(() => new BpfObject('noise', new Uint8Array(64)), { name: 'LoadError' });
});

t.test('an object that is not there, or is none, says where, and how to compile it', async t => {
  const hint = /^compile it: npx nx run probe-fixture:bpf, or npm run build /;
  const file = `fixture.${hostArch()}.bpf.o`;
  t.throws(() => readProbeObject(FIXTURE_IR, new URL('file:///nonexistent/')), {
    name: 'LoadError',
    message: `load probe fixture: it is not compiled, there is no /nonexistent/${file}`,
    hint,
  });
  const base = pathToFileURL(`${t.testdir({ [file]: {} })}/`);
  t.throws(() => readProbeObject(FIXTURE_IR, base), {
    name: 'LoadError',
    message: /^load probe fixture: cannot read its object: EISDIR/,
    hint,
  });
});

t.test('what verifying took is told for each program', { skip }, async t => {
  const programs = new Set(['on_call', 'on_return']);
  const told = loadProbe(plan(fixtureBytes(), { programs, verifierStatistics: true }), new Set());
  t.teardown(() => told.object.close());
  t.same(
    told.verified.map(program => program.name),
    told.object.programNames.filter(name => programs.has(name)),
  );
  for (const { instructions = 0, totalStates = 0, peakStates = 0 } of told.verified) {
    t.ok(instructions > 100 && instructions < 1_000_000, `${instructions} instructions`);
    t.ok(totalStates >= peakStates && peakStates > 0, `${totalStates}, ${peakStates} states`);
  }
  const plain = loadProbe(plan(fixtureBytes(), { programs }), new Set());
  t.teardown(() => plain.object.close());
  for (const [i, { instructions, totalStates }] of plain.verified.entries()) {
    t.equal(totalStates, undefined);
    // Before Linux 5.16 the kernel does not say it without being asked.
    if (instructions !== undefined) t.equal(instructions, told.verified[i]!.instructions);
  }
});
