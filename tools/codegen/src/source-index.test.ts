/**
 * Where codegen says a declaration stands: lines of wrong and right schemas, through constants,
 * spreads and constructor calls.
 */
import t from 'tap';
import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { evaluateSchema } from './evaluate-schema.js';
import { SchemaSource } from './source-index.js';

const TEXT = `import { defineProbe } from '@sonde/core/schema';
const shared = {
  allocs: count('allocations'),
};
const where = struct('a place', {
  /** In pixels, from the left. */
  x: u32('x'),
});
const points = [point('malloc', { about: 'm' })];
export default defineProbe({
  name: 'sample',
  types: {
    where,
    body: union('u', { tagField: 'kind', variants: { small: 'where' } }),
    color: enumOf('colors', { red: 'red', blue: 'blue' }),
  },
  events: {
    alloc: event('an allocation', {
      ...shared,
      sizeBytes: u64('bytes'),
    }),
  },
  attach: [
    ...points,
    point('free', { about: 'f' }),
  ],
});
`;

t.test('paths lead to lines', async t => {
  const source = new SchemaSource(TEXT, 'src/schema.ts');
  const line = (path: string): number | undefined => source.position(path)?.line;
  t.equal(line('events.alloc'), 18);
  t.equal(line('events.alloc.sizeBytes'), 20);
  t.equal(line('events.alloc.allocs'), 3, 'through a spread');
  t.equal(line('types.where'), 13);
  t.equal(line('types.where.x'), 7, 'through a constant');
  t.equal(line('types.body.small'), 14, 'a variant');
  t.equal(line('types.color.blue'), 15, 'a value');
  t.equal(line('attach.free'), 25);
  t.equal(line('events.nothing'), undefined);
  t.equal(source.position('name')?.file, 'src/schema.ts');
});

t.test('doc comments come along', async t => {
  const source = new SchemaSource(TEXT, 'src/schema.ts');
  t.equal(source.doc('types.where.x'), 'In pixels, from the left.');
  t.equal(source.doc('events.alloc'), undefined);
});

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** Evaluates a schema of these lines; the first is line 2, below the imports. */
async function evaluate(lines: readonly string[]): Promise<unknown> {
  mkdirSync(join(PACKAGE, 'out'), { recursive: true });
  const folder = mkdtempSync(join(PACKAGE, 'out/schema-'));
  const path = join(folder, 'schema.ts');
  writeFileSync(path, ["import * as s from '@sonde/core/schema';", ...lines].join('\n'));
  try {
    return await evaluateSchema(path, 'src/schema.ts');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

t.test('an error stands at the line of the field', async t => {
  const lines = [
    'export default s.defineProbe({',
    "  name: 'x', about: 'x',",
    '  events: {',
    "    one: s.event('one', {",
    "      good: s.u8('fine'),",
    "      list: s.array(s.u8(), 0, 'empty'),",
    '    }),',
    '  },',
    '  attach: [],',
    '});',
  ];
  await t.rejects(evaluate(lines), {
    message: 'src/schema.ts:7: schema events.one.list: array has length 0; it needs at least 1',
  });
});

t.test('a name that stands twice in one literal is found in the source', async t => {
  const lines = [
    'export default s.defineProbe({',
    "  name: 'x', about: 'x',",
    '  events: {',
    "    one: s.event('one', {",
    "      size: s.u8('first'),",
    "      size: s.u16('second'),",
    '    }),',
    '  },',
    '  attach: [],',
    '});',
  ];
  await t.rejects(evaluate(lines), {
    message: 'src/schema.ts:7: schema size: name "size" is declared twice: first in line 6',
  });
});

t.test('a schema without a default export is no schema', async t => {
  await t.rejects(evaluate(['export const x = 1;']), {
    message: "evaluate src/schema.ts: the default export is not a probe's definition",
  });
});
