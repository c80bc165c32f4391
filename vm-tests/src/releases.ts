/**
 * The workloads of one test run: all programs by the default Go release, and those of every release
 * in the builds that the run's set asks for, with a list of them for the tests to go by.
 *
 * The fact readers get wrong: a release that cannot be fetched is left out by name only where the
 * module proxy is out of reach; where it answers, the same failure ends the run.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { goReleases, run, type Progress } from '@sonde/toolchain';
import { RELEASE_LIST, type ReleaseList, type ReleaseProgram } from './kit/releases.js';
import { workloadFolder } from './lanes/objects.js';
import type { Architecture, GoBuild, Matrix } from './matrix.js';
import { PLAIN } from './go-program.js';
import { buildWorkloads, defaultGoRelease, listWorkloads, programName } from './workloads.js';

/** The programs that tests trace, where they are not all of them: see `sonde` in package.json. */
export interface Traced {
  /** Names of workloads; `truth` is always among them. */
  readonly workloads?: readonly string[];
  /** Release lines beside the default one. */
  readonly goReleases?: readonly string[];
}

/** What several suites trace together; a suite that does not say so traces everything. */
export function tracedByAll(all: readonly Traced[]): Traced {
  const workloads = all.map(each => each.workloads);
  const goReleases = all.map(each => each.goReleases);
  const known = <T>(lists: readonly (readonly T[] | undefined)[]): T[] | undefined =>
    lists.every(list => list !== undefined) ? [...new Set(lists.flat())] : undefined;
  const names = known(workloads);
  const releases = known(goReleases);
  return { ...(names && { workloads: names }), ...(releases && { goReleases: releases }) };
}

/** The program whose variants the list names. */
const TRUTH = 'truth';

/** Returns the builds of a release line in a set: `full` has all of them. */
export function buildsOf(matrix: Matrix, set: 'fast' | 'full', goRelease: string): GoBuild[] {
  return matrix.builds.filter(
    build => set === 'full' || build.set === set || build.fastFor?.includes(goRelease) === true,
  );
}

/** Whether the module proxy answers, asked past the module cache. */
async function proxyAnswers(): Promise<boolean> {
  const [version = ''] = Object.values(goReleases).slice(-1);
  const folder = await mkdtemp(join(tmpdir(), 'sonde-proxy-'));
  try {
    await run('go', ['list', '-m', `golang.org/toolchain@v0.0.1-go${version}.linux-amd64`], {
      env: { GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod', GOMODCACHE: folder, GO111MODULE: 'on' },
      cwd: folder,
      what: 'ask the module proxy',
    });
    return true;
  } catch {
    return false;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Variant {
  readonly architecture: Architecture;
  readonly goRelease: string;
  readonly builds: readonly GoBuild[];
  readonly progress: Progress;
}

/** Builds the truth program of one release in each build, and the others that want it plainly. */
async function buildRelease(variant: Variant, others: string[]): Promise<ReleaseProgram[]> {
  const { architecture, goRelease, builds, progress } = variant;
  const programs: ReleaseProgram[] = [];
  for (const build of builds) {
    await buildWorkloads({ architecture, goRelease, build, names: [TRUTH], progress });
    const program = programName(TRUTH, goRelease, build.name);
    programs.push({ goRelease, build: build.name, program });
  }
  await buildWorkloads({ architecture, goRelease, names: others, progress });
  return programs;
}

/**
 * Builds everything that tests of one architecture run, one after the other, and writes the list of
 * the releases' programs beside them. Throws when a program cannot be built, or a release cannot be
 * fetched although the proxy answers.
 */
export async function buildEveryWorkload(
  matrix: Matrix,
  architecture: Architecture,
  set: 'fast' | 'full',
  progress: Progress,
  traced: Traced = {},
): Promise<void> {
  const began = Date.now();
  const names = traced.workloads && [...new Set([TRUTH, ...traced.workloads])];
  await buildWorkloads({ architecture, progress, ...(names && { names }) });
  const releases = traced.goReleases ?? matrix.goReleases;
  const entries = (await listWorkloads()).filter(e => e.everyRelease === true);
  const others = entries
    .map(e => e.name)
    .filter(name => name !== TRUTH && names?.includes(name) !== false);
  const list: ReleaseList = { programs: [], missing: [] };
  // The survey of a probe needs one program, even where its tests go through no releases.
  if (releases.length === 0) {
    list.programs.push({
      goRelease: await defaultGoRelease(),
      build: PLAIN.name,
      program: programName(TRUTH),
    });
  }
  for (const goRelease of releases) {
    try {
      const builds = buildsOf(matrix, set, goRelease);
      const variant = { architecture, goRelease, builds, progress };
      list.programs.push(...(await buildRelease(variant, others)));
    } catch (error) {
      const reason = (error as Error).message;
      const notFetched = reason.startsWith(`fetch Go ${goRelease}`);
      if (!notFetched || (await proxyAnswers())) throw error;
      progress(`no Go ${goRelease}: the module proxy does not answer and nothing else has it`);
      list.missing.push({ goRelease, reason });
    }
  }
  await writeFile(join(workloadFolder(architecture), RELEASE_LIST), JSON.stringify(list));
  const took = ((Date.now() - began) / 1000).toFixed(1);
  progress(
    `workloads for ${architecture.name}: ${list.programs.length} programs of ` +
      `${Math.max(1, releases.length) - list.missing.length} Go releases, ${took} s`,
  );
}
