/**
 * `sonde inspect`: what Sonde can see of a program before it traces it. The fact a reader gets
 * wrong: a file needs no rights and may be built for another machine; `--pid` needs both to match.
 */
import { resolve } from 'node:path';
import { UsageError } from '@sonde/core';
import { openTarget } from '@sonde/core/target';
import {
  confirmProgram,
  FormatError,
  isGoProgram,
  openGoProgram,
  UnknownReleaseError,
} from '@sonde/symbols';
import { findProbes, type SearchOptions } from '../discovery.js';
import { EXIT } from '../exit-codes.js';
import { damaged, openProgram } from '../read-program.js';
import type { Surround } from '../terminal.js';
import { examineProgram } from './examine-program.js';
import type { Inspection } from './inspection.js';
import { writeInspection } from './inspection-text.js';

/** What to inspect: a file, or a running process. */
export type InspectRequest = { readonly path: string } | { readonly pid: number };

async function inspectFile(path: string, search: SearchOptions): Promise<Inspection> {
  const { elf, reader } = openProgram(path, search.cwd);
  try {
    if (!isGoProgram(elf)) {
      const hint = 'sonde symbolize names the functions of C programs';
      throw new UsageError(`inspect ${path}: it is not a Go program`, { hint });
    }
    const probes = await findProbes(search);
    return await examineProgram({
      path,
      sizeBytes: reader.size,
      elf,
      go: await confirmProgram(openGoProgram(elf)),
      probes,
      search: { roots: [''], path: resolve(search.cwd, path) },
    });
  } catch (error) {
    if (error instanceof FormatError) throw damaged(path, error);
    if (error instanceof UnknownReleaseError) {
      throw new UsageError(`inspect ${path}: ${error.message}`, { hint: error.hint, cause: error });
    }
    throw error;
  } finally {
    reader.close();
  }
}

async function inspectProcess(pid: number, search: SearchOptions): Promise<Inspection> {
  const target = await openTarget(pid);
  try {
    const probes = await findProbes(search);
    const { go } = target;
    return await examineProgram({
      path: target.info.exe,
      sizeBytes: go.elf.reader.size,
      elf: go.elf,
      go,
      probes,
      search: { roots: [`/proc/${pid}/root`, ''], path: target.info.exe },
      live: { pid, resolve: attach => target.resolve(attach) },
    });
  } finally {
    target.close();
  }
}

/** Prints what is known of a program. Throws UsageError for what is no readable Go program. */
export async function inspect(
  request: InspectRequest,
  json: boolean,
  search: SearchOptions,
  surround: Surround,
): Promise<number> {
  const inspection =
    'pid' in request
      ? await inspectProcess(request.pid, search)
      : await inspectFile(request.path, search);
  surround.out(
    json
      ? `${JSON.stringify(inspection, undefined, 2)}\n`
      : writeInspection(inspection, surround.width),
  );
  return EXIT.done;
}
