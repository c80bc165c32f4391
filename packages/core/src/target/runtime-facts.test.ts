/**
 * The values that hooks need per release, against those that were measured. What a reader would get
 * wrong: they were read in running programs, not copied from the table.
 */
import t from 'tap';
import { runtimeFact, specialisedBytes } from './runtime-facts.js';

t.test('a fact holds from its release on', async t => {
  const over = (name: Parameters<typeof runtimeFact>[0]): number[] =>
    [15, 16, 22, 23, 24, 25, 27].map(minor => runtimeFact(name, minor));
  t.same(over('freedSpanTypeHeap'), [0x0101, 0, 0, 0, 0, 0, 0]);
  t.same(over('freedSpanTypeMask'), [0xffff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
  t.same(over('sampleObjectArg'), [0, 0, 0, 1, 1, 1, 1]);
  t.same(over('specialKindProfile'), [2, 2, 2, 3, 3, 4, 4]);
  t.same(over('specialKind'), [10, 10, 10, 10, 16, 16, 16]);
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
