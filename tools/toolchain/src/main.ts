#!/usr/bin/env node
/**
 * `sonde-toolchain`: fetches one thing into the cache and prints where it lies.
 *
 * The path goes to standard output and progress to standard error, so a shell can capture the path.
 */
import { cacheRoot } from './cache.js';
import { CommandError } from './command.js';
import { debianPackage, type DebianArch } from './debian.js';
import { goToolchain } from './go.js';
import { npmPackage } from './npm.js';

const USAGE = `usage: sonde-toolchain cache
       sonde-toolchain deb SUITE PATTERN amd64|arm64
       sonde-toolchain npm NAME VERSION
       sonde-toolchain go RELEASE`;

const progress = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

async function main(args: readonly string[]): Promise<string> {
  const [verb, first = '', second = '', third = ''] = args;
  if (verb === 'cache') return cacheRoot();
  if (verb === 'go' && first) return (await goToolchain(first, progress)).root;
  if (verb === 'npm' && second) return npmPackage(first, second, progress);
  if (verb === 'deb' && (third === 'amd64' || third === 'arm64')) {
    const found = await debianPackage(first, second, third as DebianArch, progress);
    return found.directory;
  }
  progress(USAGE);
  process.exitCode = 2;
  return '';
}

try {
  const path = await main(process.argv.slice(2));
  if (path) process.stdout.write(`${path}\n`);
} catch (error) {
  progress((error as Error).message);
  if (error instanceof CommandError && error.hint) progress(`  ${error.hint}`);
  process.exitCode = 1;
}
