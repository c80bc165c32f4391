/**
 * The values that hooks need per release, against those that were measured. What a reader would get
 * wrong: they were read in running programs, not copied from the table.
 */
import { type GoProgram, goOffsets, parseGoRelease } from '@sonde/symbols';
import t from 'tap';
import { type RuntimeFacts, runtimeFacts, specialisedBytes } from './runtime-facts.js';

/** The facts of a release, with its own offsets or with those of another one. */
function factsOf(name: string, tables = name): RuntimeFacts {
  const offsets = goOffsets(parseGoRelease(tables)!, 'x86_64');
  const elf = { arch: 'x86_64' } as GoProgram['elf'];
  return runtimeFacts({ release: parseGoRelease(name)!, offsets, elf });
}

const MEASURED_OF = ['go1.15.15', 'go1.16', 'go1.22', 'go1.23', 'go1.24', 'go1.25.13', 'go1.27.4'];

t.test('a fact holds from its release on', async t => {
  const over = (name: keyof RuntimeFacts): number[] =>
    MEASURED_OF.map(release => factsOf(release)[name]);
  t.same(over('freedSpanTypeHeap'), [0x0101, 0, 0, 0, 0, 0, 0]);
  t.same(over('freedSpanTypeMask'), [0xffff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
  t.same(over('sampleObjectArg'), [0, 0, 0, 1, 1, 1, 1]);
  t.same(over('specialKindProfile'), [2, 2, 2, 3, 3, 4, 4]);
  t.same(over('specialKind'), [10, 10, 10, 10, 16, 16, 16]);
});

t.test('a release without tables has the facts of the newest one', async t => {
  t.same(factsOf('go1.99.1', 'go1.27.4'), factsOf('go1.27.4'));
});

t.test('the largest specialised function tells the largest object', async t => {
  const upTo = (highest: number) => (name: string) => {
    const match = /^runtime\.mallocgcSmallScanNoHeaderSC(\d+)$/.exec(name);
    return match !== null && Number(match[1]) <= highest;
  };
  t.equal(specialisedBytes(upTo(7)), 80, 'Go 1.27');
  t.equal(specialisedBytes(upTo(26)), 512, 'Go 1.26 with sizespecializedmalloc');
  t.equal(specialisedBytes(upTo(0)), 0, 'none');
});
