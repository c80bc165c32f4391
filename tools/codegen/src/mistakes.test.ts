/**
 * What an author reads after a mistake: file and line, what is wrong, and what to do. What a reader
 * would get wrong: schemas are run without being type-checked, so that a mistake in one shows as an
 * error of its own code.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { compileProbe } from './compile-bpf.js';
import { evaluateSchema } from './evaluate-schema.js';
import { generateProbe } from './generate.js';
import { newProbe } from './new-probe.js';

const OUT = fileURLToPath(new URL('../out', import.meta.url));
mkdirSync(OUT, { recursive: true });
const root = mkdtempSync(join(OUT, 'mistakes-'));
mkdirSync(join(root, 'src'));
t.teardown(() => rmSync(root, { recursive: true }));

/** Evaluates a schema whose event has this field in line 6, below this import. */
function evaluate(field: string, names = 'defineProbe, event'): Promise<unknown> {
  const path = join(root, 'src/schema.ts');
  const lines = [
    `import { ${names} } from '@sonde/core/schema';`,
    'export default defineProbe({',
    "  name: 'x', about: 'x', attach: [],",
    '  events: {',
    "    one: event('one', {",
    `      ${field}`,
    '    }),',
    '  },',
    '});',
  ];
  writeFileSync(path, lines.join('\n'));
  return evaluateSchema(path, 'src/schema.ts');
}

t.test('an unknown type of a field', async t => {
  await t.rejects(evaluate("size: u32('size'),"), {
    message: 'src/schema.ts:6: evaluate schema: u32 is not defined',
    hint: "import { u32 } from '@sonde/core/schema'",
  });
  await t.rejects(evaluate("size: u7('size'),"), {
    message: 'src/schema.ts:6: evaluate schema: u7 is not defined',
    hint: '@sonde/core/schema has u8',
  });
  await t.rejects(evaluate("at: timestamp('when'),"), {
    message: 'src/schema.ts:6: evaluate schema: timestamp is not defined',
    hint: /^@sonde\/core\/schema has no timestamp; it has u8 to u64/,
  });
  await t.rejects(evaluate("at: tidd('thread'),", 'defineProbe, event, tidd'), {
    message: /^src\/schema\.ts:1: evaluate schema: .*does not provide an export named 'tidd'$/,
    hint: '@sonde/core/schema has tid',
  });
  for (const [given, shown] of Object.entries({
    "'u32'": '"u32"',
    null: 'null',
    event: 'function',
  }))
    await t.rejects(evaluate(`size: ${given},`), {
      message: `src/schema.ts:6: schema events.one.size: ${shown} is no type of a field`,
      hint: /^call one, such as u64/,
    });
});

t.test('text that is no TypeScript', async t => {
  await t.rejects(evaluate('size: ('), {
    message: /^src\/schema\.ts:7: evaluate schema: (?:Unexpected|Expected)/,
  });
});

t.test('C that does not compile', async t => {
  writeFileSync(join(root, 'src/x.bpf.c'), 'int broken(void)\n{\n\treturn missing;\n}\n');
  t.throws(() => compileProbe(root), {
    message:
      /^compile \S*src\/x\.bpf\.c for x86_64: refused\n\S*src\/x\.bpf\.c:3:9: error: .*missing/,
    command: /^clang /,
  });
  t.throws(() => compileProbe(root, { ...process.env, CLANG: 'absent' }), {
    message: /for x86_64: absent is not installed$/,
    hint: 'install absent, or name it in $CLANG or $LLVM_STRIP',
  });
});

t.test('a folder that is no probe', async t => {
  const hint = 'name the folder of a probe; `new NAME` makes one';
  const empty = t.testdir({});
  await t.rejects(async () => generateProbe(empty), {
    message: `generate ${empty}: no src/schema.ts in it`,
    hint,
  });
  t.throws(() => compileProbe(empty), { message: `compile ${empty}: no src/*.bpf.c in it`, hint });
});

t.test('a name that is none gets a suggestion', async t => {
  for (const [name, hint] of Object.entries({
    TCPRetransmit_2: 'call it tcp-retransmit-2',
    '9lives': 'call it lives',
    '-': 'call it something like socket-reads',
    'probe-x': 'call it x',
  })) {
    await t.rejects(newProbe(root, name), { name: 'TypeError', hint });
  }
});
