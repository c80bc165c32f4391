/**
 * A Go program as a whole: its release, how it was built, and its function table. What a reader
 * would get wrong: `CGO_ENABLED=1` does not mean that the program uses cgo; only runtime/cgo
 * linked in does.
 */
import { type ElfFile, ET_DYN, FormatError, SHT_SYMTAB } from '../elf/index.js';
import { type BuildInfo, readBuildInfo } from './build-info.js';
import { type GoOffsets, goOffsets, knownReleases, UnknownReleaseError } from './offsets.js';
import { Pclntab } from './pclntab.js';
import {
  locateModuleData,
  locatePclntab,
  PCLNTAB_MAGICS,
  pclntabMagic,
  type PclntabPlace,
  readPclntabHeader,
} from './pclntab-locate.js';
import { type GoRelease, parseGoRelease } from './release.js';

/** abi.FuncIDWrapper by release (internal/abi/symtab.go, counted from FuncIDNormal = 0). */
const WRAPPER_IDS: Readonly<Record<string, number>> = { '1.24': 22, '1.26': 23, '1.27': 23 };

/** What is known of a Go program from its file. */
export interface GoProgram {
  readonly elf: ElfFile;
  readonly release: GoRelease;
  readonly buildInfo: BuildInfo | undefined;
  readonly offsets: GoOffsets;
  readonly pclntab: Pclntab;
  /** True when runtime/cgo is linked in. */
  readonly cgo: boolean;
  /** True when there is no symbol table. */
  readonly stripped: boolean;
  readonly pie: boolean;
  /** 0: arguments on the stack; 1: in registers. */
  readonly goAbi: 0 | 1;
}

/** True when the file holds signs of Go: build information or a function table. */
export function isGoProgram(elf: ElfFile): boolean {
  if (elf.section('.go.buildinfo') !== undefined) return true;
  return locatePclntab(elf) !== undefined || readBuildInfo(elf) !== undefined;
}

function releaseOf(elf: ElfFile, buildInfo: BuildInfo | undefined): GoRelease {
  if (buildInfo === undefined) {
    throw new UnknownReleaseError(
      'read Go release: the program has no build information',
      'programs built by the go command have it; this one was linked by something else',
    );
  }
  const release = parseGoRelease(buildInfo.goVersion);
  if (release === undefined) {
    const offset = elf.section('.go.buildinfo')?.offset ?? 0;
    throw new FormatError(offset, 'unknown form of Go version', buildInfo.goVersion);
  }
  return release;
}

/** Opens the function table at a place with the offsets of its release. */
function openTable(
  elf: ElfFile,
  place: PclntabPlace,
  release: GoRelease,
  offsets: GoOffsets,
): Pclntab {
  const magic = pclntabMagic(elf, place);
  if (magic !== PCLNTAB_MAGICS.go120) {
    throw new FormatError(place.offset, `function table is not of ${release.line}'s layout`, magic);
  }
  const bytes = elf.reader.read(place.offset, place.sizeBytesMax);
  const header = readPclntabHeader(bytes, place.offset);
  const module = locateModuleData(elf, place.address, place.address + header.functab, {
    ftab: offsets.need('moduledata.ftab'),
    minpc: offsets.need('moduledata.minpc'),
    maxpc: offsets.need('moduledata.maxpc'),
    text: offsets.need('moduledata.text'),
    etext: offsets.need('moduledata.etext'),
    gofunc: offsets.need('moduledata.gofunc'),
  });
  const wrapperId = WRAPPER_IDS[release.line]!;
  return new Pclntab({ elf, bytes, header, place, module, wrapperId });
}

/**
 * The function table alone, for symbolizing. Throws what {@link openGoProgram} throws.
 */
export function openPclntab(elf: ElfFile): Pclntab {
  return openGoProgram(elf).pclntab;
}

/**
 * Reads everything. Throws UnknownReleaseError (with a hint) for a release without tables, and
 * FormatError when the file is no Go program or damaged. Costs one read of the function table.
 */
export function openGoProgram(elf: ElfFile): GoProgram {
  const buildInfo = readBuildInfo(elf);
  const place = locatePclntab(elf);
  if (buildInfo === undefined && place === undefined) {
    throw new FormatError(0, 'not a Go program: no build information and no function table');
  }
  const release = releaseOf(elf, buildInfo);
  const offsets = goOffsets(release, elf.arch);
  if (WRAPPER_IDS[release.line] === undefined) {
    const hint = `supported releases: ${knownReleases().join(', ')}`;
    throw new UnknownReleaseError(`go ${release.line} is not supported yet: unknown FuncIDs`, hint);
  }
  if (place === undefined) throw new FormatError(0, 'no Go function table in the program');
  const pclntab = openTable(elf, place, release, offsets);
  return {
    elf,
    release,
    buildInfo,
    offsets,
    pclntab,
    cgo: pclntab.hasName('crosscall2'),
    stripped: !elf.sections.some(section => section.type === SHT_SYMTAB),
    pie: elf.type === ET_DYN,
    // Every release of the tables passes arguments in registers on both architectures.
    goAbi: 1,
  };
}
