/**
 * A Go program as a whole: its release, how it was built, and its function table. What a reader
 * would get wrong: `CGO_ENABLED=1` does not mean that the program uses cgo; only runtime/cgo
 * linked in does. And a release without tables can be named and symbolized, but not traced.
 */
import { type ElfFile, ET_DYN, FormatError, SHT_SYMTAB } from '../elf/index.js';
import { argumentAbi } from './argument-abi.js';
import { type BuildInfo, readBuildInfo } from './build-info.js';
import { buildModeOf, type GoBuildMode } from './build-mode.js';
import { resolveOffsets } from './ladder.js';
import { type GoOffsets, UnknownReleaseError } from './offsets.js';
import { refusePacked } from './packed.js';
import { type GoFunction, openPclntab, type Pclntab } from './pclntab.js';
import { locatePclntab } from './pclntab-locate.js';
import { type GoRelease, parseGoRelease, UNKNOWN_RELEASE } from './release.js';
import { findVersionString } from './version-string.js';

export { openPclntab };

/** What is known of a Go program from its file. */
export interface GoProgram {
  readonly elf: ElfFile;
  /** {@link UNKNOWN_RELEASE} where nothing in the program names it. */
  readonly release: GoRelease;
  readonly releaseFoundBy: 'build info' | 'version string' | 'nothing';
  readonly buildInfo: BuildInfo | undefined;
  /** Runtime offsets; throws UnknownReleaseError where no rung of the ladder gives them. */
  readonly offsets: GoOffsets;
  /** Why {@link offsets} throws; undefined where it does not. */
  readonly offsetsProblem: UnknownReleaseError | undefined;
  readonly pclntab: Pclntab;
  /** True when runtime/cgo is linked in. */
  readonly cgo: boolean;
  /** True when there is no symbol table. */
  readonly stripped: boolean;
  readonly pie: boolean;
  readonly buildMode: GoBuildMode;
  /** 0: arguments on the stack; 1: in registers. */
  readonly goAbi: 0 | 1;
  /** What a user should know about this program's tables, in sentences; mostly empty. */
  readonly problems: readonly string[];
}

/** True when the file holds signs of Go: build information or a function table. */
export function isGoProgram(elf: ElfFile): boolean {
  if (elf.section('.go.buildinfo') !== undefined) return true;
  return locatePclntab(elf) !== undefined || readBuildInfo(elf) !== undefined;
}

/** Minor releases that write a layout: from, and up to and with. */
const LAYOUT_MINORS = {
  'go1.2': [2, 15],
  'go1.16': [16, 17],
  'go1.18': [18, 19],
  'go1.20': [20, Infinity],
} as const;

/** A program's release and where it was found. */
type FoundRelease = Pick<GoProgram, 'release' | 'releaseFoundBy'>;

function releaseOf(elf: ElfFile, pclntab: Pclntab, info: BuildInfo | undefined): FoundRelease {
  const named = info === undefined ? undefined : parseGoRelease(info.goVersion);
  if (named !== undefined) return { release: named, releaseFoundBy: 'build info' };
  const [from, to] = LAYOUT_MINORS[pclntab.layout.since];
  const found = findVersionString(elf, minor => minor >= from && minor <= to);
  if (found !== undefined) return { release: found, releaseFoundBy: 'version string' };
  return { release: UNKNOWN_RELEASE, releaseFoundBy: 'nothing' };
}

/** The offsets, or why there are none; asked for once. */
function offsetsOf(
  { release, releaseFoundBy }: FoundRelease,
  elf: ElfFile,
  pclntab: Pclntab,
  info: BuildInfo | undefined,
): GoOffsets | UnknownReleaseError {
  if (releaseFoundBy === 'nothing') {
    const said = info === undefined ? 'nothing' : `"${info.goVersion}"`;
    return new UnknownReleaseError(
      `read Go release: the program names ${said}; its table is of ${pclntab.layout.releases}`,
      'names, files and lines can be read; probes need a program that names its release',
    );
  }
  try {
    const functionsNamed = (name: string): readonly GoFunction[] => pclntab.functionsNamed(name);
    return resolveOffsets({ elf, release, functionsNamed });
  } catch (error) {
    if (error instanceof UnknownReleaseError) return error;
    throw error;
  }
}

function problemsOf(found: FoundRelease, pclntab: Pclntab): string[] {
  const problems = [...pclntab.problems];
  if (found.releaseFoundBy === 'version string') {
    problems.push(
      `no build information; the program's own version string is ${found.release.name}`,
    );
  }
  if (found.releaseFoundBy === 'nothing') problems.push('nothing in the program names its release');
  if (!pclntab.hasName('runtime.mallocgc')) {
    problems.push('the runtime functions have no names of their own: obfuscated, as garble does');
  }
  return problems;
}

/** Evaluates once, when first asked for. */
function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/**
 * Reads what a program says of itself. Throws FormatError when the file is no Go program, packed
 * or damaged; a release without tables is no error here, but one when `offsets` is read. Costs a
 * few small reads; the parts of the function table are read when they are needed.
 */
export function openGoProgram(elf: ElfFile): GoProgram {
  const buildInfo = readBuildInfo(elf);
  if (buildInfo === undefined) {
    refusePacked(elf.reader);
    if (locatePclntab(elf) === undefined) {
      throw new FormatError(0, 'not a Go program: no build information and no function table');
    }
  }
  const pclntab = openPclntab(elf);
  const found = releaseOf(elf, pclntab, buildInfo);
  const offsets = lazily(() => offsetsOf(found, elf, pclntab, buildInfo));
  const cgo = lazily(() => pclntab.hasName('crosscall2'));
  const buildMode = lazily(() => buildModeOf(elf, buildInfo));
  const problems = lazily(() => problemsOf(found, pclntab));
  const [oldestMinor] = LAYOUT_MINORS[pclntab.layout.since];
  const minor = found.releaseFoundBy === 'nothing' ? oldestMinor : found.release.minor;
  return {
    elf,
    ...found,
    buildInfo,
    pclntab,
    get offsets() {
      const resolved = offsets();
      if (resolved instanceof UnknownReleaseError) throw resolved;
      return resolved;
    },
    get offsetsProblem() {
      const resolved = offsets();
      return resolved instanceof UnknownReleaseError ? resolved : undefined;
    },
    get cgo() {
      return cgo();
    },
    stripped: !elf.sections.some(section => section.type === SHT_SYMTAB),
    pie: elf.type === ET_DYN,
    get buildMode() {
      return buildMode();
    },
    goAbi: argumentAbi({ minor, experiments: found.release.experiments }, elf.arch),
    get problems() {
      return problems();
    },
  };
}
