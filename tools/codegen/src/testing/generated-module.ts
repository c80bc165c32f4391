/**
 * Loads a decoder as codegen prints it, without a TypeScript build: written to a folder, bundled by
 * esbuild, imported.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { ProbeIr } from '@sonde/core/schema';
import { printIrModule, printProbeModule } from '../typescript/probe-module.js';

/** What a generated decoder exports, by name. */
export type GeneratedModule = Readonly<Record<string, unknown>>;

/** Prints, bundles and imports the decoder of `ir`; `folder` must lie inside this package. */
export async function generatedModule(ir: ProbeIr, folder: string): Promise<GeneratedModule> {
  mkdirSync(folder, { recursive: true });
  const entry = join(folder, `${ir.name}.ts`);
  const outfile = join(folder, `${ir.name}.mjs`);
  writeFileSync(entry, await printProbeModule(ir, 'schema.ts'));
  writeFileSync(join(folder, `${ir.name}-ir.ts`), await printIrModule(ir, 'schema.ts'));
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['@sonde/core/*'],
    logLevel: 'silent',
    tsconfigRaw: '{}',
  });
  return (await import(pathToFileURL(outfile).href)) as GeneratedModule;
}
