/**
 * All generated files of a probe, as text by path. What a reader would get wrong: nothing is
 * written here; `writeGenerated` writes, and `--check` only compares.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import type { ProbeIr } from '@sonde/core/schema';
import { printFrameworkHeader } from './c/framework-header.js';
import { printProbeHeader } from './c/probe-header.js';
import { printReference } from './markdown/reference.js';
import { printIrModule, printProbeModule } from './typescript/probe-module.js';
import { evaluateSchema } from './evaluate-schema.js';

/** One generated file: absolute path, and its whole content. */
export interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}

/**
 * The folder that holds the repository of a file or folder: the nearest one with nx.json or .git;
 * where there is none, that of the package.
 */
export function repositoryRoot(path: string): string {
  let around: string | undefined;
  for (let at = resolve(path); ; at = dirname(at)) {
    if (existsSync(join(at, 'nx.json')) || existsSync(join(at, '.git'))) return at;
    if (around === undefined && existsSync(join(at, 'package.json'))) around = at;
    if (dirname(at) === at) return around ?? resolve(path);
  }
}

/** `path` as outputs cite it: relative to the repository, with forward slashes. */
export function shownPath(path: string): string {
  return relative(repositoryRoot(dirname(path)), path)
    .split(sep)
    .join('/');
}

/** Evaluates `src/schema.ts` of the probe in `probeDir`. */
export function probeIr(probeDir: string): Promise<ProbeIr> {
  const path = resolve(probeDir, 'src/schema.ts');
  if (!existsSync(path)) {
    const error = new Error(`generate ${probeDir}: no src/schema.ts in it`);
    throw Object.assign(error, { hint: 'name the folder of a probe; `new NAME` makes one' });
  }
  return evaluateSchema(path, shownPath(path));
}

/** The files that the probe in `probeDir` should hold under `src/gen`. */
export async function generateProbe(probeDir: string): Promise<GeneratedFile[]> {
  const ir = await probeIr(probeDir);
  const schemaFile = shownPath(resolve(probeDir, 'src/schema.ts'));
  const folder = resolve(probeDir, 'src/gen');
  return [
    { path: join(folder, `${ir.name}.bpf.h`), text: printProbeHeader(ir, schemaFile) },
    { path: join(folder, `${ir.name}.md`), text: printReference(ir, schemaFile) },
    { path: join(folder, `${ir.name}-ir.ts`), text: await printIrModule(ir, schemaFile) },
    { path: join(folder, `${ir.name}.ts`), text: await printProbeModule(ir, schemaFile) },
  ];
}

/** The framework's own header, in the core package at `coreDir`. */
export function generateFramework(coreDir: string): GeneratedFile[] {
  return [{ path: resolve(coreDir, 'bpf/gen/sonde_types.bpf.h'), text: printFrameworkHeader() }];
}

/** Those of `files` whose content on disk differs or is missing, as shown paths. */
export function staleFiles(files: readonly GeneratedFile[]): string[] {
  return files.filter(isStale).map(({ path }) => shownPath(path));
}

function isStale({ path, text }: GeneratedFile): boolean {
  return !existsSync(path) || readFileSync(path, 'utf8') !== text;
}

/** Writes what differs and returns the shown paths of what was written. */
export function writeGenerated(files: readonly GeneratedFile[]): string[] {
  const stale = files.filter(isStale);
  for (const { path, text } of stale) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return stale.map(({ path }) => shownPath(path));
}
