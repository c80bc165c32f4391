/**
 * States as kernels print them, old and new, and what is made of them. What a reader would get
 * wrong: the same fact has two spellings, and both have to give the same words.
 */
import t from 'tap';
import { describeState, lastState, parseState } from './register-state.js';

/** Old spelling, new spelling, words. */
const PAIRS: readonly (readonly [old: string, now: string, words: string])[] = [
  [
    'map_value_or_null(id=2,off=0,ks=8,vs=80,imm=0)',
    'map_value_or_null(id=2,ks=8,vs=80)',
    'a value of map (unnamed) (80 bytes), or null',
  ],
  ['inv(id=0)', 'scalar()', 'a number'],
  ['inv7', '7', 'a number, 7'],
  [
    'inv(id=0,umax_value=120,var_off=(0x0; 0x78))',
    'scalar(smin=smin32=0,smax=umax=smax32=umax32=120,var_off=(0x0; 0x78))',
    'a number, 0 to 120',
  ],
  ['fp-64', 'fp-64', 'a place on the stack, -64 bytes from its top'],
  ['ctx(id=0,off=0,imm=0)', 'ctx()', 'the context'],
];

t.test('old and new spellings give the same words', async t => {
  for (const [old, now, words] of PAIRS) {
    t.equal(describeState(parseState(old)), words, old);
    t.equal(describeState(parseState(now)), words, now);
  }
});

t.test('a record with an index that nothing bounds', async t => {
  const state = parseState('ringbuf_mem(ref_obj_id=2,off=40,sz=104,smin=0,smax=umax=0x7fffffff8)');
  t.equal(
    describeState(state),
    'a reserved record (104 bytes), 40 bytes and up to any number from its start',
  );
});

t.test('signed bounds are signed, however they are printed', async t => {
  const state = parseState('scalar(id=1,smin=0xffffffff80000000,smax=smax32=64)');
  t.equal(state.least, -2147483648n);
  t.equal(state.most, 64n);
});

t.test('the last state of a register wins; other registers are not taken for it', async t => {
  const lines = [
    '0: R1=ctx() R10=fp0',
    '9: (15) if r1 == 0x0 goto pc+5        ; R1=map_value(map=lives,ks=8,vs=80) R11=3',
    ' R0_w=inv(id=0,var_off=(0x0; 0xf)) R2_rw=inv7',
  ];
  t.equal(lastState(lines, 1)?.map, 'lives');
  t.equal(lastState(lines, 2)?.least, 7n);
  t.equal(lastState(lines, 0)?.type, 'scalar');
  t.equal(lastState(lines, 10)?.type, 'fp');
  t.equal(lastState(lines, 3), undefined);
});

t.test('text that is no state is no error', async t => {
  for (const text of ['', '(', 'map_value(', 'x(a=b=,=)', '???']) t.ok(parseState(text));
});
