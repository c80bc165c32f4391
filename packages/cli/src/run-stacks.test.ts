/** Stacks below the rows of `sonde run`: once each, C and Go told apart, by either of its ids. */
import type { ColumnInfo, EventCodec } from '@sonde/core/decode';
import type { Frame } from '@sonde/core/stacks';
import t from 'tap';
import { JsonLines, Table } from './event-table.js';
import { RunStacks } from './run-stacks.js';

const frame = (name: string, kind: Frame['kind'], place: Partial<Frame> = {}): Frame => ({
  ...{ function: name, kind, inlined: false, address: 0x10n, module: '/usr/lib/libx.so' },
  ...place,
});

const FRAMES: readonly Frame[] = [
  frame('make_node', 'c'),
  frame('_cgo_1234_Cfunc_make_node', 'c'),
  frame('runtime.cgocall', 'go'),
  frame('main._Cfunc_make_node', 'go'),
  frame('main.(*tree).add', 'go', { file: '/srv/app/tree.go', line: 7 }),
];

/** Id 5 is that of the first hits of stack 9; 7 has lost its C frames; nothing is known of 8. */
const session = {
  canonicalStack: (id: bigint) => (id === 5n ? 9n : id),
  readStack: (id: bigint) => {
    if (id === 8n) return { pcs: [] };
    return { pcs: [id], ...(id === 7n && { truncated: 'the frames of C code were lost' }) };
  },
};
const name = (): readonly Frame[] => FRAMES;
const stacks = (raw = false): RunStacks => new RunStacks(session, name, { width: 100, raw });

const column = (name: string, unit: ColumnInfo['unit']): ColumnInfo =>
  ({ name, unit, kind: 'bigint' }) as unknown as ColumnInfo;
const CODEC = { name: 'alloc', columns: [column('stack', 'stackId')] } as unknown as EventCodec;

t.test('a table shows each stack once, below its first row', async t => {
  const table = new Table(0n, stacks());
  const rows = [5n, 9n, 7n, 8n, 0n].map(stack => table.row(CODEC, { stack }));
  t.same(rows[0]!.split('\n'), [
    'EVENT     stack',
    'alloc     #1 make_node < main.(*tree).add',
    '          C   make_node                                       libx.so',
    '          Go  main.(*tree).add                                app/tree.go:7',
    '',
  ]);
  t.equal(rows[1], 'alloc     #1 make_node < main.(*tree).add\n', 'by its other id too');
  t.match(rows[2], /^alloc {5}#2 make_node/);
  t.match(rows[2], /\n {10}cut: the frames of C code were lost\n$/);
  t.same(rows.slice(3), ['alloc     -\n', 'alloc     -\n'], 'what is not known is not shown');
});

t.test('raw stacks keep what cgo and the runtime put between', async t => {
  const lines = stacks(true).lines(9n).trimEnd().split('\n');
  t.equal(lines.length, FRAMES.length);
  t.match(lines[2], /^ {10}Go {2}runtime\.cgocall/);
});

t.test('JSON has all frames in a line of their own, before the first event', async t => {
  const lines = new JsonLines('cgo-malloc', stacks());
  const first = lines.row(CODEC, { stack: 5n }).trimEnd().split('\n');
  const [stack, event] = first.map(line => JSON.parse(line) as Record<string, unknown>);
  t.match(stack, { probe: 'cgo-malloc', event: 'stack', id: '0x9', truncated: null });
  const frames = stack!['frames'] as Record<string, unknown>[];
  t.same(
    frames.map(each => each['function']),
    FRAMES.map(each => each.function),
  );
  t.match(frames[0], { kind: 'c', file: null, line: null, address: '0x10' });
  t.same(event, { probe: 'cgo-malloc', event: 'alloc', stack: '0x9' });
  t.equal(lines.row(CODEC, { stack: 9n }).trimEnd().split('\n').length, 1, 'and once');
  const cut = JSON.parse(lines.row(CODEC, { stack: 7n }).split('\n')[0]!) as object;
  t.match(cut, { event: 'stack', id: '0x7', truncated: 'the frames of C code were lost' });
});
