/**
 * Evaluates a `schema.ts`: bundled by esbuild, imported, its default export turned into the
 * representation. What a reader would get wrong: `@sonde/core` stays outside the bundle and is
 * resolved from the schema's own place, so that a schema outside this repository works too.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { toIr, type ProbeDefinition, type ProbeIr } from '@sonde/core/schema';
import { SchemaSource } from './source-index.js';

/**
 * The representation of the schema at `schemaPath`; `shownPath` is how outputs cite it. Throws a
 * SchemaError at the author's line, or esbuild's own message for text that is not TypeScript.
 */
export async function evaluateSchema(schemaPath: string, shownPath: string): Promise<ProbeIr> {
  const source = new SchemaSource(readFileSync(schemaPath, 'utf8'), shownPath);
  source.refuseDuplicates();
  const definition = await importDefault(schemaPath);
  if (typeof definition !== 'object' || definition === null || !('events' in definition)) {
    throw new TypeError(`evaluate ${shownPath}: the default export is not a probe's definition`);
  }
  return toIr(definition as ProbeDefinition, source);
}

async function importDefault(schemaPath: string): Promise<unknown> {
  const folder = mkdtempSync(join(dirname(schemaPath), '.schema-'));
  try {
    const outfile = join(folder, 'schema.mjs');
    await build({
      entryPoints: [schemaPath],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['@sonde/core', '@sonde/core/*'],
      logLevel: 'silent',
      tsconfigRaw: '{}',
    });
    const module = (await import(pathToFileURL(outfile).href)) as { default?: unknown };
    return module.default;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
