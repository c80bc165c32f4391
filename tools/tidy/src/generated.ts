/**
 * Names generated files that no longer follow from their sources.
 * What a reader would get wrong: tidy does not know how to generate. It asks the generator itself,
 * with `--check`, and passes on the names that it prints.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from './source-file.js';

/** What a generator said in answer to `--check`. */
export interface GeneratorAnswer {
  readonly code: number;
  readonly output: string;
}

/** Asks the generator about one probe's folder; it prints the path of every stale file. */
export type AskGenerator = (probe: string) => GeneratorAnswer;

/** Runs tools/codegen as it was built, from the repository's root. */
export function askCodegen(root: string): AskGenerator {
  const main = join(root, 'tools', 'codegen', 'dist', 'main.js');
  return probe => {
    const args = [main, '--check', probe];
    const run = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    return { code: run.status ?? 1, output: `${run.stdout}${run.stderr}` };
  };
}

/** The folders of the probes, from the repository's root. */
export function probeFolders(root: string): string[] {
  return readdirSync(join(root, 'packages'))
    .filter(name => name.startsWith('probe-'))
    .map(name => `packages/${name}`)
    .filter(folder => existsSync(join(root, folder, 'src', 'schema.ts')));
}

/** One finding for every stale generated file of some probes; costs one run of codegen a probe. */
export function staleGenerated(probes: readonly string[], ask: AskGenerator): Finding[] {
  return probes.flatMap(probe => {
    const { code, output } = ask(probe);
    if (code === 0) return [];
    const name = probe.slice(probe.lastIndexOf('/') + 1);
    const message = `stale generated file; run npx nx run ${name}:codegen and commit it`;
    const named = [...output.matchAll(/packages\/[\w./-]+\.(?:h|ts|md)\b/g)].map(match => match[0]);
    const paths = [...new Set(named)].filter(path => /\/gen\//.test(path));
    if (paths.length > 0) return paths.map(path => ({ path, line: 1, message }));
    const said = output.trim().split('\n')[0] ?? '';
    return [
      { path: `${probe}/src/schema.ts`, line: 1, message: `codegen --check failed: ${said}` },
    ];
  });
}
