/**
 * Gathers what is known of a program's file. The fact a reader gets wrong: a release without tables
 * is no refusal here. Everything that needs no offsets is still said.
 */
import {
  confirmProgram,
  CSymbols,
  type DebugSearch,
  type ElfFile,
  findTlsG,
  goBuildId,
  type GoProgram,
  neededLibraries,
  openInstructionReader,
  PT_INTERP,
  UnknownReleaseError,
} from '@sonde/symbols';
import { placesInFile, type TargetAttachIr } from '@sonde/core/target';
import { UnsupportedError } from '@sonde/core';
import type { FoundProbe } from '../discovery.js';
import { findHooks, type Resolve } from './hooks.js';
import type { Inspection } from './inspection.js';
import { findMissing } from './missing.js';

/** Facts of a program that not every reader of them gives. */
type GoFacts = GoProgram &
  Partial<{
    readonly releaseFoundBy: string;
    readonly buildMode: string;
    readonly problems: readonly string[];
  }>;

/** What is inspected. */
export interface Subject {
  readonly path: string;
  readonly sizeBytes: number;
  readonly elf: ElfFile;
  readonly go: GoProgram;
  readonly probes: readonly FoundProbe[];
  /** Where debug files of its C code are looked for. */
  readonly search: DebugSearch;
  /** Of a running process: its pid, and how it resolves attach alternatives. */
  readonly live?: { readonly pid: number; readonly resolve: Resolve };
}

const hex = (address: number): string => `0x${address.toString(16)}`;

/** The rung, or why there is none: the code may contradict a table that was to be confirmed. */
async function rungOf(go: GoProgram): Promise<{ rung: string } | { problem: string }> {
  try {
    return { rung: (await confirmProgram(go)).offsets.rung };
  } catch (error) {
    if (error instanceof UnknownReleaseError) return { problem: error.message };
    throw error;
  }
}

type Allocator = Inspection['allocator'];

function allocatorOf(go: GoProgram, libraries: readonly string[], resolve: Resolve): Allocator {
  if (!go.cgo) return { in: 'none', libraries };
  const malloc: TargetAttachIr = {
    kind: 'cFunction',
    name: 'malloc',
    program: '',
    symbol: 'malloc',
    library: 'executable',
  };
  try {
    resolve(malloc);
    return { in: 'program', libraries };
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    return { in: libraries.length > 0 ? 'library' : 'unknown', libraries };
  }
}

function pclntabOf({ pclntab }: GoProgram): Pick<Inspection, 'pclntab' | 'moduledata'> {
  const layout = (pclntab as { readonly layout?: { readonly since: string } }).layout;
  const { place, module, count } = pclntab;
  return {
    pclntab: {
      layout: layout?.since ?? 'go1.20',
      foundBy: place.foundBy,
      address: hex(place.address),
      fileOffset: place.offset,
      functions: count,
    },
    moduledata: { address: hex(module.address), text: hex(module.text), etext: hex(module.etext) },
  };
}

function tlsOf(tls: ReturnType<typeof findTlsG>): Inspection['tlsG'] {
  if (tls === undefined) return null;
  const { foundBy } = tls;
  if ('offset' in tls) return { offset: tls.offset, slot: null, foundBy };
  const { slot } = tls as { readonly slot: number };
  return { offset: null, slot: hex(slot), foundBy };
}

function cSymbolsOf(elf: ElfFile, search: DebugSearch): Inspection['cSymbols'] {
  const { sources, refused } = new CSymbols(elf, search);
  return { sources, refused };
}

/** Everything that `sonde inspect` prints. Throws FormatError where the tables are damaged. */
export async function examineProgram(subject: Subject): Promise<Inspection> {
  const { elf, probes, live } = subject;
  const go: GoFacts = subject.go;
  const reader = await openInstructionReader(elf.arch);
  const resolve = live?.resolve ?? placesInFile(subject.path, go, reader);
  const libraries = neededLibraries(elf);
  const allocator = allocatorOf(go, libraries, resolve);
  const rung = await rungOf(go);
  const tlsG = findTlsG(go, reader);
  const libraryComesLater = live === undefined && allocator.in === 'library';
  const hooks =
    'rung' in rung ? findHooks(probes, { resolve, libraryComesLater, cgo: go.cgo }) : [];
  const info = go.buildInfo;
  const tlsKnown = tlsG !== undefined;
  const tableProblem = 'problem' in rung ? rung.problem : undefined;
  const problems = (go.problems ?? []).map(what => ({ what, follows: '' }));
  return {
    schema: 'sonde.inspect/1',
    path: subject.path,
    pid: live?.pid ?? null,
    sizeBytes: subject.sizeBytes,
    arch: elf.arch,
    release:
      go.releaseFoundBy === 'nothing'
        ? null
        : { name: go.release.name, foundBy: go.releaseFoundBy ?? 'build info' },
    buildMode: go.buildMode ?? info?.settings.get('-buildmode') ?? (go.pie ? 'pie' : 'exe'),
    module: info?.main ?? null,
    package: info?.path ?? null,
    settings: Object.fromEntries(info?.settings ?? []),
    stripped: go.stripped,
    pie: go.pie,
    cgo: go.cgo,
    static: libraries.length === 0 && !elf.segments.some(s => s.type === PT_INTERP),
    buildIds: { gnu: elf.buildId ?? null, go: goBuildId(elf) ?? null },
    ...pclntabOf(go),
    goAbi: go.goAbi,
    tlsG: tlsOf(tlsG),
    tableRung: 'rung' in rung ? rung.rung : null,
    allocator,
    cSymbols: go.cgo ? cSymbolsOf(elf, subject.search) : null,
    hooks,
    missing: [...problems, ...findMissing(go, { tableProblem, tlsKnown }, hooks)],
  };
}
