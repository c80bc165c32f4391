/**
 * Evaluates a `schema.ts`: bundled by esbuild, imported, its default export turned into the
 * representation. What a reader would get wrong: `@sonde/core` stays outside the bundle and is
 * resolved from the schema's own place, so that a schema outside this repository works too.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type BuildFailure } from 'esbuild';
import * as language from '@sonde/core/schema';
import type { ProbeDefinition, ProbeIr } from '@sonde/core/schema';
import { SchemaSource } from './source-index.js';

/**
 * The representation of the schema at `schemaPath`; `shownPath` is how outputs cite it. Throws a
 * SchemaError or an Error at the author's line, with a `hint` where there is a next step.
 */
export async function evaluateSchema(schemaPath: string, shownPath: string): Promise<ProbeIr> {
  const source = new SchemaSource(readFileSync(schemaPath, 'utf8'), shownPath);
  source.refuseDuplicates();
  const definition = await importDefault(schemaPath, shownPath);
  if (typeof definition !== 'object' || definition === null || !('events' in definition)) {
    const error = new TypeError(
      `evaluate ${shownPath}: the default export is not a probe's definition`,
    );
    throw Object.assign(error, { hint: 'write `export default defineProbe({ … })`' });
  }
  return language.toIr(definition as ProbeDefinition, source);
}

/** How many letters have to be changed, put in or left out to make one word of the other. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1];
    for (const [at, each] of [...other].entries()) {
      const replaced = (row[at] ?? 0) + (letter === each ? 0 : 1);
      next.push(Math.min(replaced, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** What to do about a name that the schema uses and does not have. */
function hintOf(name: string): string {
  if (name in language) return `import { ${name} } from '@sonde/core/schema'`;
  const names = Object.keys(language).filter(each => /^[a-z]/.test(each));
  const [near = ''] = names.sort((a, b) => distance(a, name) - distance(b, name));
  const isNear = distance(near, name) <= Math.max(1, name.length / 3);
  return isNear
    ? `@sonde/core/schema has ${near}`
    : `@sonde/core/schema has no ${name}; it has u8 to u64, address, bytesCount, tid, stackId …`;
}

/** An error of the schema's own code, at the author's line. */
function schemaFailure(cause: unknown, text: string, shownPath: string): Error {
  const { message, stack = '' } = cause as Error;
  const name =
    /^([\w$]+) is not defined$/.exec(message)?.[1] ??
    /^(?:[\w$]+\.)?([\w$]+) is not a function$/.exec(message)?.[1] ??
    /does not provide an export named '([\w$]+)'/.exec(message)?.[1];
  // What cannot be imported fails before any line is run: the first that has the name is meant.
  const named = text.split('\n').findIndex(each => name !== undefined && each.includes(name));
  // Not evaluate-schema.ts, which stands in the stack where maps are on for this process too.
  const line =
    /(?<![\w-])schema\.ts:(\d+):\d+/.exec(stack)?.[1] ?? (named < 0 ? '' : String(named + 1));
  const place = line === '' ? shownPath : `${shownPath}:${line}`;
  const error = new Error(`${place}: evaluate schema: ${message}`, { cause });
  return name === undefined ? error : Object.assign(error, { hint: hintOf(name) });
}

/** esbuild's complaint without its head, at the author's line. */
function syntaxFailure(cause: unknown, shownPath: string): unknown {
  const { errors } = cause as Partial<BuildFailure>;
  const [first] = errors ?? [];
  if (first === undefined) return cause;
  const place = first.location === null ? shownPath : `${shownPath}:${first.location.line}`;
  return new Error(`${place}: evaluate schema: ${first.text}`, { cause });
}

async function importDefault(schemaPath: string, shownPath: string): Promise<unknown> {
  const folder = mkdtempSync(join(dirname(schemaPath), '.schema-'));
  // With maps, the stack of an error has the author's lines.
  const mapped = process.sourceMapsEnabled;
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
      sourcemap: 'inline',
    }).catch((error: unknown) => Promise.reject(syntaxFailure(error, shownPath)));
    process.setSourceMapsEnabled(true);
    const module = (await import(pathToFileURL(outfile).href)) as { default?: unknown };
    return module.default;
  } catch (error) {
    throw error instanceof Error && error.message.includes(': evaluate schema: ')
      ? error
      : schemaFailure(error, readFileSync(schemaPath, 'utf8'), shownPath);
  } finally {
    process.setSourceMapsEnabled(mapped);
    rmSync(folder, { recursive: true, force: true });
  }
}
