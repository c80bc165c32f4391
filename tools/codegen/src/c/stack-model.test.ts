/**
 * What the header offers for whole stacks, as text and to a compiler. What a reader would get
 * wrong: the accessor of a probe with several kinds of places has to fail in a function that is no
 * program; clang says so here.
 */
import { join } from 'node:path';
import {
  address,
  cFunction,
  cReturn,
  defineProbe,
  event,
  goEntry,
  goid,
  goReturn,
  hash,
  point,
  rawTracepoint,
  tid,
  toIr,
  u32,
  wholeStack,
  type AttachIr,
  type ProbeDefinition,
} from '@sonde/core/schema';
import t, { type Test } from 'tap';
import { BPF_ARCHES, compileBpf } from '../compile-bpf.js';
import { printProbeHeader } from './probe-header.js';

const FIELDS = { where: address('where'), stack: wholeStack('its stack'), tid: tid('its thread') };

function header(ways: readonly AttachIr[], parts: Partial<ProbeDefinition> = {}): string {
  const attach = ways.map((way, at) => point(`point${at}`, { about: 'a point', oneOf: [way] }));
  const events = { hit: event('a hit', FIELDS) };
  const base = { name: 'my-probe', about: 'for tests', events, attach };
  return printProbeHeader(toIr(defineProbe({ ...base, ...parts })), 'schema.ts');
}

/** What clang says to a program behind a header, for both architectures; empty: it compiles. */
function complaint(t: Pick<Test, 'testdir'>, text: string, program: string): string {
  const source = join(t.testdir({ 'p.bpf.c': `${text}\n${program}` }), 'p.bpf.c');
  try {
    for (const arch of BPF_ARCHES) compileBpf({ source, object: `${source}.o`, arch });
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

const KERNEL = rawTracepoint('sys_exit', { program: 'call_exit' });
const MIXED = [
  goEntry('main.f', { program: 'at_entry' }),
  goReturn('main.f', { program: 'at_return' }),
  goReturn('main.g', { program: 'on_g0', systemStack: true }),
];

t.test('programs at one kind of place share a function', async t => {
  t.match(
    header([KERNEL]),
    [
      'static __always_inline __u64 my_probe_stack(void *ctx)',
      '{',
      '\treturn sonde_stack_of_task(ctx);',
      '}',
    ].join('\n'),
  );
});

t.test('a record takes its stack as an argument, and has its thread filled in', async t => {
  const text = header([KERNEL]);
  t.match(text, '*my_probe_hit_reserve(__u64 stack_id)');
  t.match(text, '\tevent->stack = stack_id;\n\tevent->tid = sonde_tid();\n\treturn event;');
  const two = { from: tid('one'), to: tid('other'), stack: wholeStack('its stack') };
  const other = header([KERNEL], { events: { hit: event('a hit', two) } });
  t.notMatch(other, 'sonde_tid()', 'of two threads none is known to be the current one');
});

t.test('a schema without whole stacks has none of it', async t => {
  const text = header([KERNEL], { events: { hit: event('a hit', { tid: tid('its thread') }) } });
  t.notMatch(text, 'my_probe_stack');
  t.match(text, '*my_probe_hit_reserve(void)');
  t.notMatch(text, 'sonde_tid()');
});

t.test('a key of a map is enough', async t => {
  const maps = {
    byStack: hash({ about: 'by stack', key: wholeStack(), value: u32(), maxEntries: 1 }),
  };
  const events = { hit: event('a hit', { n: u32('a number') }) };
  t.match(header([KERNEL], { events, maps }), 'my_probe_stack(void *ctx)');
});

t.test('programs at several kinds of places get theirs by name', async t => {
  const text = header(MIXED);
  const shown = text.replace(/ +\\$/gm, '');
  t.match(
    shown,
    [
      '\t\t\tat_edge = SONDE_STANDS_IN("at_entry") ||',
      '\t\t\t\t  SONDE_STANDS_IN("at_return"),',
      '\t\t\tbehind_switch = SONDE_STANDS_IN("on_g0"),',
    ].join('\n'),
  );
  t.match(
    shown,
    ['\t\tat_edge ? sonde_stack_at_edge(ctx) :', '\t\tsonde_stack_behind_switch(ctx);'].join('\n'),
  );
  const program = (name: string) =>
    `SEC("uprobe") int ${name}(struct pt_regs *ctx) { return my_probe_stack(ctx) != 0; }`;
  t.equal(complaint(t, text, MIXED.map(({ program: name }) => program(name)).join('\n')), '');
  t.match(complaint(t, text, program('another')), 'no program that has a stack');
});

t.test('in C the goroutine is found with the stack, and never at a return', async t => {
  const events = { hit: event('a hit', { ...FIELDS, goid: goid('who called') }) };
  const ways = [cFunction('malloc', { program: 'enter' }), cReturn('malloc', { program: 'leave' })];
  const text = header(ways, { events });
  const program = (name: string) =>
    `SEC("uprobe") int ${name}(struct pt_regs *ctx)
     { __u64 goid; return my_probe_stack_and_goid(ctx, &goid) != goid; }`;
  t.equal(complaint(t, text, program('enter')), '');
  t.match(complaint(t, text, program('leave')), 'no program that has a stack');
});

t.test('a probe of the kernel and of a program takes both kinds of contexts', async t => {
  const text = header([KERNEL, cFunction('malloc', { program: 'enter' })]);
  const programs = [
    'SEC("raw_tp/sys_exit") int call_exit(__u64 *ctx) { return my_probe_stack(ctx) != 0; }',
    'SEC("uprobe") int enter(struct pt_regs *ctx) { return my_probe_stack(ctx) != 0; }',
  ];
  t.equal(complaint(t, text, programs.join('\n')), '');
});
