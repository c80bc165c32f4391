/**
 * The TypeScript printer: a small schema in, lines out. That what it prints decodes right is proved
 * in layout-proof.test.ts, that it type-checks in generated-types.test.ts.
 */
import t from 'tap';
import {
  address,
  array,
  bits,
  defineProbe,
  enumOf,
  event,
  flexible,
  hash,
  named,
  point,
  rawTracepoint,
  struct,
  toIr,
  u16,
  u32,
  u64,
  u8,
  type ProbeDefinition,
} from '@sonde/core/schema';
import { printIrModule, printProbeModule } from './probe-module.js';

async function printed(parts: Partial<ProbeDefinition>): Promise<string[]> {
  const attach = [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ];
  const ir = toIr(
    defineProbe({ name: 'my-probe', about: 'for tests', events: {}, attach, ...parts }),
  );
  return (await printProbeModule(ir, 'src/schema.ts')).split('\n');
}

/** From the line that holds `from` to the next line that is `to`. */
function part(lines: readonly string[], from: string, to: string): string[] {
  const start = lines.findIndex(line => line.includes(from));
  return lines.slice(start, lines.indexOf(to, start) + 1);
}

t.test('a plain decoder checks once and then reads', async t => {
  const fields = { where: address('address'), size: u64('size'), cpu: u16('cpu') };
  const lines = await printed({ events: { alloc: event('an allocation', fields) } });
  t.strictSame(part(lines, 'function decodeAlloc', '}'), [
    'export function decodeAlloc(view: DataView, offset: number): AllocEvent {',
    "  checkRecord(view, offset, 40, 'my-probe alloc');",
    '  return {',
    '    ktimeNs: readKtimeNs(view, offset),',
    '    where: view.getBigUint64(offset + 16, true),',
    '    size: readU64(view, offset + 24),',
    '    cpu: view.getUint16(offset + 32, true),',
    '  };',
    '}',
  ]);
});

t.test('a cursor offers 64 bits in four ways', async t => {
  const lines = await printed({ events: { alloc: event('an allocation', { size: u64('size') }) } });
  const getters = lines.filter(line => line.startsWith('  get size'));
  t.strictSame(getters, [
    '  get size(): number {',
    '  get sizeLo(): number {',
    '  get sizeHi(): number {',
    '  get sizeBig(): bigint {',
  ]);
});

t.test('arrays take checked indexes', async t => {
  const fields = { grid: array(array(u16(), 3), 2, 'a grid') };
  const lines = await printed({ events: { one: event('one', fields) } });
  t.strictSame(part(lines, '  grid(index', '  }'), [
    '  grid(index: number, inner: number): number {',
    "    checkIndex(index, 2, 'my-probe one.grid');",
    "    checkIndex(inner, 3, 'my-probe one.grid');",
    '    return this.#view.getUint16(this.#offset + 16 + index * 6 + inner * 2, true);',
    '  }',
  ]);
});

t.test('a flexible record checks its count before its length', async t => {
  const fields = {
    n: u8('count'),
    data: flexible(u32(), { lengthField: 'n', maxLength: 5 }, 'data'),
  };
  const lines = await printed({ events: { blob: event('a blob', fields) } });
  t.strictSame(part(lines, 'function checkBlob', '}'), [
    'function checkBlob(view: DataView, offset: number): void {',
    "  checkBytes(view, offset, 24, 'my-probe blob');",
    '  const length = view.getUint8(offset + 16);',
    "  checkLength(length, 5, 'my-probe blob');",
    "  checkRecord(view, offset, 24 + length * 4, 'my-probe blob');",
    '}',
  ]);
});

t.test('columns hold words, codes and bits in typed arrays', async t => {
  const lines = await printed({
    types: { kind: enumOf('kinds', { a: 'a', b: 'b' }) },
    events: {
      one: event('one', { kind: named('kind', 'k'), bit: bits('s32', 4, 'b'), id: u64('i') }),
    },
  });
  t.strictSame(part(lines, 'const row = this.#rows', '    return true;').slice(2, -2), [
    '    this.ktimeNsLo[row] = view.getUint32(offset + 8, true);',
    '    this.ktimeNsHi[row] = view.getUint32(offset + 12, true);',
    '    this.kind[row] = view.getUint8(offset + 16);',
    '    this.bit[row] = signedBits(view.getUint32(offset + 20, true), 0, 4);',
    '    this.idLo[row] = view.getUint32(offset + 24, true);',
    '    this.idHi[row] = view.getUint32(offset + 28, true);',
  ]);
});

t.test('a map key writes its padding too', async t => {
  const lines = await printed({
    types: { key: struct('a key', { a: u8('a'), b: u16('b') }) },
    maps: { live: hash({ about: 'live', key: 'key', value: u32(), maxEntries: 4 }) },
  });
  t.strictSame(part(lines, '  encodeKey', '  },'), [
    '  encodeKey: (view, offset, key) => {',
    '    view.setUint8(offset, key.a);',
    '    view.setUint16(offset + 2, key.b, true);',
    '    view.setUint8(offset + 1, 0);',
    '  },',
  ]);
});

t.test('nothing unused is imported', async t => {
  const lines = await printed({ events: { one: event('one', { a: u8('a') }) } });
  const text = lines.join('\n');
  for (const name of ['readS64', 'readArray', 'MapCodec', 'enumName', 'signedBits']) {
    t.notMatch(text, new RegExp(`\\b${name}\\b`), name);
  }
});

t.test('the representation cites the lines, which its hash leaves out', async t => {
  const attach = [
    point('never', { about: 'nothing', oneOf: [rawTracepoint('sys_enter', { program: 'never' })] }),
  ];
  const source = { position: () => ({ file: 'src/schema.ts', line: 3 }) };
  const definition = defineProbe({ name: 'my-probe', about: 'x', events: {}, attach });
  const ir = toIr(definition, source);
  const text = await printIrModule(ir, 'src/schema.ts');
  t.match(text, /source: \{\s+file: 'src\/schema.ts',\s+line: 3,?\s+\}/);
  t.equal(ir.hash, toIr(definition).hash);
  t.match(text, `hash: '${ir.hash}'`);
});
