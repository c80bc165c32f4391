/**
 * Which programs of which Go releases this run has, for tests that go through all of them.
 *
 * The fact readers get wrong: the list is made by whoever built the programs, for this run. What
 * else lies in the folder may be older, so that tests go by the list and never by the folder.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { workloadsFolder } from './workloads-folder.js';

/** The list's file name, beside the programs. */
export const RELEASE_LIST = 'releases.json';

/** One build of the workload `truth` by one Go release. */
export interface ReleaseProgram {
  /** Release line, such as `1.15`. */
  readonly goRelease: string;
  /** `plain`, `stripped`, `pie` or `stripped-pie`. */
  readonly build: string;
  /** The program's file name, which {@link startWorkload} takes as a workload's name. */
  readonly program: string;
}

/** The programs of a run, and the releases that it could not have. */
export interface ReleaseList {
  readonly programs: ReleaseProgram[];
  /** Releases that could not be fetched, each with what every source answered. */
  readonly missing: { readonly goRelease: string; readonly reason: string }[];
}

/** Returns the list, oldest release first. Throws when the programs were not built. */
export function releaseList(): ReleaseList {
  const path = join(workloadsFolder(), RELEASE_LIST);
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ReleaseList;
  } catch (cause) {
    throw new Error(`list Go releases: no ${path}; \`sonde-vm run\` builds them`, { cause });
  }
}
