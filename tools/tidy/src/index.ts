/**
 * The style guide as a test: every check of the house, and what runs them over a set of files. What
 * a reader would get wrong: there is no list of exceptions. A rule that does not hold everywhere is
 * a wrong rule; change the check.
 */
import { bannedCalls } from './checks/banned-calls.js';
import { docstrings, headComments } from './checks/docstrings.js';
import { importRules, readRooms } from './checks/imports.js';
import { fileLength, functionLength, lineWidth } from './checks/lengths.js';
import { binaries, fileNames, machinePaths, markers, registryHosts } from './checks/words.js';
import type { Check, Finding, SourceFile } from './source-file.js';

export { importRules, readRooms, type Rooms } from './checks/imports.js';
export { sourceFile, type Check, type Example, type Finding } from './source-file.js';

/** All checks that look at one file, in the order in which a reader wants their findings. */
export const checks: readonly Check[] = [
  binaries,
  fileNames,
  headComments,
  fileLength,
  functionLength,
  lineWidth,
  bannedCalls,
  importRules(readRooms()),
  docstrings,
  markers,
  machinePaths,
  registryHosts,
];

/** Runs every check over every file; a binary is reported once and not read further. */
export function tidy(files: readonly SourceFile[]): Finding[] {
  return files.flatMap(file => {
    const first = binaries.find(file);
    return first.length > 0 ? first : checks.flatMap(check => check.find(file));
  });
}
