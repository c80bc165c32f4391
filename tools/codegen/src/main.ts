#!/usr/bin/env node
/**
 * `sonde-codegen`: generates, checks or prints, one probe folder at a time, without Nx. What a
 * reader would get wrong: `--check` writes nothing and exits 1 when a committed file is stale.
 */
import { compileProbe } from './compile-bpf.js';
import {
  generateFramework,
  generateProbe,
  shownPath,
  probeIr,
  staleFiles,
  writeGenerated,
  type GeneratedFile,
} from './generate.js';
import { newProbe } from './new-probe.js';

const USAGE = `usage: sonde-codegen [--check | --ir] PROBE_DIR...
       sonde-codegen [--check] --framework CORE_DIR
       sonde-codegen bpf PROBE_DIR...
       sonde-codegen new NAME`;

async function main(args: readonly string[]): Promise<number> {
  const [verb, first, ...more] = args;
  if (verb === 'bpf' && first !== undefined) return compile([first, ...more]);
  if (verb === 'new' && first !== undefined && more.length === 0) {
    return write(await newProbe('.', first));
  }
  const flags = new Set(args.filter(arg => arg.startsWith('--')));
  const folders = args.filter(arg => !arg.startsWith('--'));
  const unknown = [...flags].find(flag => !['--check', '--ir', '--framework'].includes(flag));
  const isVerb = verb === 'bpf' || verb === 'new';
  if (unknown !== undefined || folders.length === 0 || isVerb) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  if (flags.has('--ir')) {
    for (const folder of folders) {
      process.stdout.write(`${JSON.stringify(await probeIr(folder), null, 2)}\n`);
    }
    return 0;
  }
  const files: GeneratedFile[] = [];
  for (const folder of folders) {
    if (flags.has('--framework')) files.push(...generateFramework(folder));
    else files.push(...(await generateProbe(folder)));
  }
  return flags.has('--check') ? report(staleFiles(files)) : write(files);
}

function compile(folders: readonly string[]): number {
  for (const object of folders.flatMap(folder => compileProbe(folder))) {
    process.stdout.write(`compiled ${shownPath(object)}\n`);
  }
  return 0;
}

function write(files: readonly GeneratedFile[]): number {
  for (const path of writeGenerated(files)) process.stdout.write(`wrote ${path}\n`);
  return 0;
}

function report(stale: readonly string[]): number {
  for (const path of stale) process.stderr.write(`stale generated file: ${path}\n`);
  if (stale.length > 0) process.stderr.write('run sonde-codegen without --check, then commit\n');
  return stale.length > 0 ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Error)) throw error;
  process.stderr.write(`${error.message}\n`);
  const { hint } = error as { hint?: string };
  if (hint !== undefined) process.stderr.write(`hint: ${hint}\n`);
  process.exitCode = 1;
}
