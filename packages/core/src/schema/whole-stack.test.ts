/**
 * Where whole stacks can be had, and the schemas that ask for one where none is. What a reader
 * would get wrong: a walk belongs to a program, so that two points may share one only if both find
 * the target at the same kind of place.
 */
import t from 'tap';
import {
  cFunction,
  cReturn,
  defineProbe,
  event,
  fentry,
  goCall,
  goEntry,
  goReturn,
  hash,
  perfSoftware,
  point,
  rawTracepoint,
  SchemaError,
  struct,
  stackId,
  toIr,
  u32,
  walksOf,
  wholeStack,
  type AttachIr,
  type ProbeDefinition,
} from './index.js';

function define(ways: readonly AttachIr[], parts: Partial<ProbeDefinition> = {}): ProbeDefinition {
  const attach = ways.map((way, index) =>
    point(`point${index}`, { about: 'a point', oneOf: [way] }),
  );
  const events = { one: event('an event', { stack: wholeStack('its stack') }) };
  return defineProbe({ name: 'sample', about: 'for tests', events, attach, ...parts });
}

const ENTRY = cFunction('malloc', { program: 'enter' });
const RETURN = cReturn('malloc', { program: 'leave' });

function refusal(definition: ProbeDefinition): SchemaError {
  try {
    toIr(definition);
  } catch (error) {
    if (error instanceof SchemaError) return error;
    throw error;
  }
  throw new Error('the schema was accepted');
}

t.test('each kind of place has its walk', async t => {
  const ways = [
    ENTRY,
    RETURN,
    goEntry('main.f', { program: 'edge' }),
    goReturn('main.f', { program: 'edge' }),
    goReturn('runtime.largeAlloc', { program: 'on_g0', systemStack: true }),
    goCall({ caller: 'main.f', callee: 'main.g', program: 'body' }),
    fentry('handle_mm_fault', { program: 'fault' }),
    rawTracepoint('sys_exit', { program: 'fault' }),
    perfSoftware('page-faults', { program: 'fault' }),
  ];
  t.strictSame(
    [...walksOf(toIr(define(ways)).attach)],
    [
      ['enter', 'cEntry'],
      ['leave', undefined],
      ['edge', 'goEdge'],
      ['on_g0', 'goSystem'],
      ['body', 'goBody'],
      ['fault', 'kernel'],
    ],
  );
});

t.test('a field says so in the representation, and is a stack id of 64 bits', async t => {
  const [, stack] = toIr(define([ENTRY])).events[0]?.struct.fields ?? [];
  t.match(stack, {
    type: { kind: 'scalar', scalar: 'u64', unit: 'stackId', wholeStack: true },
    sizeBytes: 8,
  });
});

t.test('a probe whose points give no stack is refused at its field', async t => {
  const error = refusal(define([RETURN]));
  t.equal(error.path, 'events.one.stack');
  t.match(error.message, 'no attach point gives a whole stack');
  t.match(error.hint, 'take the stack at the entry (cFunction)');
});

t.test('so is one that asks for it in a struct, or as the key of a map', async t => {
  const events = { one: event('an event', { n: u32('a number') }) };
  const types = { call: struct('a call', { stack: wholeStack('its stack') }) };
  t.equal(refusal(define([RETURN], { events, types })).path, 'types.call.stack');
  const byStack = hash({ about: 'by stack', key: wholeStack(), value: u32(), maxEntries: 1 });
  t.equal(refusal(define([RETURN], { events, maps: { byStack } })).path, 'maps.byStack.key');
});

t.test('a program at two kinds of places is refused, with both named', async t => {
  const error = refusal(
    define([
      goEntry('main.f', { program: 'hit' }),
      goCall({ caller: 'main.f', callee: 'main.g', program: 'hit' }),
    ]),
  );
  t.equal(error.path, 'attach.point0');
  t.match(error.message, 'program "hit" finds its stack as goEdge by "goEntry:main.f"');
  t.match(error.message, 'and as goBody elsewhere');
  t.equal(error.hint, 'give each place a program of its own');
});

t.test('a plain stack id asks for nothing', async t => {
  const events = { one: event('an event', { stack: stackId('its stack') }) };
  t.doesNotThrow(() => toIr(define([RETURN], { events })));
});
