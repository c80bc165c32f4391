/**
 * Two witnesses for one Go release and architecture: the DWARF of a program that the release
 * built, and go/types over the release's own runtime sources. What a reader would get wrong: the
 * second is not a copy of the first. Compiler and type checker lay out structs independently, so a
 * difference means that one of them was misread, and stops the run.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { goEnvironment, run, type GoToolchain } from '@sonde/toolchain';
import { CONSTANTS, constantName, PATHS, TYPES, VARIABLES } from './wanted.js';

/** Folder of this project: the Go programs lie in it. */
export const PROJECT = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Sonde's name of an architecture. */
export type Arch = 'x86_64' | 'arm64';

/** Both architectures, in the order of the tables' columns. */
export const ARCHES: readonly Arch[] = ['x86_64', 'arm64'];

const GOARCH: Readonly<Record<Arch, string>> = { x86_64: 'amd64', arm64: 'arm64' };

/** What one release has on one architecture. */
export interface Measured {
  /** Byte offsets by `<type>.<field>`, sizes by `<type>.sizeof`. */
  readonly fields: Readonly<Record<string, number>>;
  /** Integer constants by today's name. */
  readonly constants: Readonly<Record<string, number>>;
  /** Texts of wait reasons, by their number. */
  readonly waitReasons: readonly string[];
}

/** The two compiled readers, and where programs are built; `remove` when done. */
export interface Readers {
  readonly folder: string;
  readonly dwarf: string;
  readonly sources: string;
  remove(): Promise<void>;
}

const LOCAL = { GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', GOWORK: 'off', CGO_ENABLED: '0' };

/** Compiles both readers with the local Go into a temporary folder. */
export async function buildReaders(): Promise<Readers> {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-go-tables-'));
  for (const name of ['dwarf', 'sources']) {
    const args = ['build', '-buildvcs=false', '-o', join(folder, name), '.'];
    await run('go', args, { cwd: join(PROJECT, name), env: LOCAL, what: `build reader ${name}` });
  }
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  return { folder, dwarf: join(folder, 'dwarf'), sources: join(folder, 'sources'), remove };
}

/** Variables under which a release builds for an architecture, with an experiment or its own. */
function environment(go: GoToolchain, arch: Arch, experiment?: string) {
  return {
    ...goEnvironment(go),
    GO111MODULE: 'on',
    CGO_ENABLED: '0',
    GOOS: 'linux',
    GOARCH: GOARCH[arch],
    GOEXPERIMENT: experiment,
  };
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/**
 * Offsets by the DWARF of a program that the release builds now. Throws when the compiler fails or
 * another release built it.
 */
export async function readDwarf(
  readers: Readers,
  go: GoToolchain,
  arch: Arch,
  experiment?: string,
): Promise<Record<string, number>> {
  const binary = join(readers.folder, `program-${go.version}-${arch}-${experiment ?? ''}`);
  const env = environment(go, arch, experiment);
  const what = `build program by ${go.version} for ${arch}`;
  await run(go.go, ['build', '-o', binary, '.'], { cwd: join(PROJECT, 'program'), env, what });
  const said = (await run(go.go, ['version', binary], { env })).trim();
  const built = said.slice(said.indexOf(': ') + 2).split(/[ -]X:/)[0];
  if (built !== go.version) throw new Error(`${what}: ${said}`);
  const input = json({ types: TYPES, paths: PATHS, variables: VARIABLES });
  const answer = await run(readers.dwarf, [binary], { input, what: `read DWARF of ${binary}` });
  await rm(binary, { force: true });
  return JSON.parse(answer) as Record<string, number>;
}

interface Listed {
  readonly ImportPath: string;
  readonly Dir: string;
  readonly GoFiles?: readonly string[];
  readonly ImportMap?: Readonly<Record<string, string>>;
}

/** Go prints one JSON object after another; each ends with a brace in the first column. */
function parseListed(text: string): Listed[] {
  return text
    .split(/^\}$/m)
    .filter(part => part.trim() !== '')
    .map(part => JSON.parse(`${part}}`) as Listed);
}

/** Offsets, constants and texts by go/types over the release's own sources. */
export async function readSources(
  readers: Readers,
  go: GoToolchain,
  arch: Arch,
  experiment?: string,
): Promise<Measured> {
  const args = ['list', '-deps', '-json', 'runtime', 'sync'];
  const env = environment(go, arch, experiment);
  const text = await run(go.go, args, { cwd: '/', env, what: `list packages of ${go.version}` });
  const packages = parseListed(text).map(({ ImportPath, Dir, GoFiles = [], ImportMap = {} }) => {
    return { ImportPath, Dir, GoFiles, ImportMap };
  });
  const input = json({
    arch: GOARCH[arch],
    packages,
    types: TYPES,
    paths: PATHS,
    variables: VARIABLES,
    constants: CONSTANTS,
  });
  const what = `read sources of ${go.version} for ${arch}`;
  const found = JSON.parse(await run(readers.sources, [], { input, what })) as Measured;
  const constants = Object.entries(found.constants).map(([name, value]) => {
    return [constantName(name), value] as const;
  });
  return { ...found, constants: Object.fromEntries(constants) };
}

/** One field on which the witnesses differ; undefined where one does not have it. */
export interface Difference {
  readonly field: string;
  readonly dwarf: number | undefined;
  readonly sources: number | undefined;
}

/**
 * Compares both witnesses. A type that is wholly absent from DWARF, because the linker dropped
 * what nothing reaches, is no difference: its name is in `alone`.
 */
export function compareWitnesses(
  dwarf: Readonly<Record<string, number>>,
  sources: Readonly<Record<string, number>>,
): { differences: Difference[]; alone: string[]; compared: number } {
  const typeOf = (field: string): string => field.slice(0, field.lastIndexOf('.'));
  const seen = new Set(Object.keys(dwarf).map(typeOf));
  const names = [...new Set([...Object.keys(dwarf), ...Object.keys(sources)])].sort();
  const differences: Difference[] = [];
  const alone = new Set<string>();
  let compared = 0;
  for (const field of names) {
    if (dwarf[field] === sources[field]) compared++;
    else if (!seen.has(typeOf(field))) alone.add(typeOf(field));
    else differences.push({ field, dwarf: dwarf[field], sources: sources[field] });
  }
  return { differences, alone: [...alone], compared };
}
