/**
 * The generated TypeScript of the whole corpus, checked by the compiler under this repository's own
 * options: what it emits for a union or a grid must not be found out by an author.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import ts from 'typescript';
import { evaluateSchema } from './evaluate-schema.js';
import { printIrModule, printProbeModule } from './typescript/probe-module.js';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

t.setTimeout(120_000);

mkdirSync(join(PACKAGE, 'out'), { recursive: true });
const scratch = mkdtempSync(join(PACKAGE, 'out/types-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));

/** What the compiler says about `files` under the repository's base options. */
function diagnostics(files: readonly string[]): string {
  const path = resolve(PACKAGE, '../../tsconfig.base.json');
  const { config } = ts.readConfigFile(path, file => ts.sys.readFile(file));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, resolve(path, '..'));
  const emitsNothing = {
    noEmit: true,
    composite: false,
    declaration: false,
    declarationMap: false,
  };
  const program = ts.createProgram({ rootNames: files, options: { ...options, ...emitsNothing } });
  return ts.formatDiagnostics(ts.getPreEmitDiagnostics(program), {
    getCanonicalFileName: name => name,
    getCurrentDirectory: () => PACKAGE,
    getNewLine: () => '\n',
  });
}

t.test('decoders of the corpus type-check', async t => {
  const files: string[] = [];
  for (const name of readdirSync(join(PACKAGE, 'corpus')).filter(file => file.endsWith('.ts'))) {
    const ir = await evaluateSchema(join(PACKAGE, 'corpus', name), 'schema.ts');
    const decoder = join(scratch, `${ir.name}.ts`);
    writeFileSync(decoder, await printProbeModule(ir, 'schema.ts'));
    writeFileSync(join(scratch, `${ir.name}-ir.ts`), await printIrModule(ir, 'schema.ts'));
    files.push(decoder);
  }
  t.ok(files.length >= 12, 'the corpus was printed');
  t.equal(diagnostics(files), '');
});
