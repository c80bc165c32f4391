/**
 * Where attach alternatives lie in a file that no process runs. What a reader would get wrong: the
 * C library is no part of the file; a program that links it dynamically shows its allocator only
 * when it runs.
 */
import type { GoProgram, InstructionReader } from '@sonde/symbols';
import { type AttachLocation, resolveAttach, type TargetAttachIr } from './attach-places.js';
import type { Module } from './modules.js';

/**
 * Resolves attach alternatives in a program's file, with addresses as in the file. The function
 * throws what a Target's `resolve` throws: UnsupportedError where the file lacks the place.
 */
export function placesInFile(
  path: string,
  go: GoProgram,
  instructions: InstructionReader,
): (attach: TargetAttachIr) => AttachLocation[] {
  const executable: Module = {
    path,
    openPath: path,
    inode: 0,
    device: '',
    bias: 0n,
    ranges: [],
    executable: true,
    elf: go.elf,
    buildId: go.elf.buildId,
  };
  const scope = { modules: [executable], executable, go, instructions };
  return attach => resolveAttach(scope, attach);
}
