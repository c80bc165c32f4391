/**
 * By which means the runtime offsets of a program are known. The rungs, from the surest on: the
 * tables, where they were built for this release or nothing moved between its neighbours; the
 * program's own DWARF; the nearest table, as far as the program's own code confirms it; a refusal.
 * What a reader would get wrong: on the third rung a field that no code confirms is not given at
 * all, so what needs it is absent from a report instead of wrong.
 */
import type { EffectReader } from '../code/index.js';
import { hasDwarf, readDwarfStructures } from '../dwarf/index.js';
import { type ElfFile, FormatError } from '../elf/index.js';
import { confirmFields, type Confirmation, type NamedCode } from './ladder-confirm.js';
import { dwarfTypeNames, dwarfOffsetsOf } from './ladder-dwarf.js';
import { type GoOffsets, goOffsets, knownReleases, UnknownReleaseError } from './offsets.js';
import type { GoRelease } from './release.js';

/** Where rows come from: the generated tables, or in tests less than them. */
export interface TableSource {
  /** Minor releases with rows, ascending, such as `1.24`. */
  lines(): readonly string[];
  /** The row in force; throws UnknownReleaseError where there is none. */
  offsets(release: GoRelease, arch: ElfFile['arch']): GoOffsets;
}

/** What was measured of every release, as the source that is used unless a test takes some away. */
export const GO_TABLES: TableSource = { lines: knownReleases, offsets: goOffsets };

/** What the ladder is climbed with. */
export interface LadderRequest {
  readonly elf: ElfFile;
  readonly release: GoRelease;
  /** The functions of the program, by name; their code confirms a table. */
  readonly functionsNamed: (name: string) => readonly NamedCode[];
  /** Needed for the third rung alone; without it the rung is left to {@link confirmOffsets}. */
  readonly effects?: EffectReader;
  /** Default is {@link GO_TABLES}. */
  readonly tables?: TableSource;
}

/** Offsets of a table that is not of this release, before its fields were confirmed. */
class TableToConfirm implements GoOffsets {
  readonly key: string;
  readonly rung: string;
  readonly table: GoOffsets;
  readonly refusal: UnknownReleaseError;
  /** True where the release's own line is known: fields without a witness are then served too. */
  readonly usable: boolean;

  constructor(table: GoOffsets, rung: string, refusal: UnknownReleaseError, usable: boolean) {
    this.table = table;
    this.key = table.key;
    this.rung = rung;
    this.refusal = refusal;
    this.usable = usable;
  }

  get(field: string): number | undefined {
    if (!this.usable) throw this.refusal;
    return this.table.get(field);
  }

  need(field: string): number {
    if (!this.usable) throw this.refusal;
    return this.table.need(field);
  }
}

/** `devel go1.28-…`, `go1.27rc1`: named after a release, but not it. */
const isPrerelease = (release: GoRelease): boolean =>
  /^devel |^go1\.\d+(?:\.\d+)?(?:rc|beta)\d/.test(release.name);

/** What the tables say of patches that are newer than all that were read. */
const NEWER_PATCH = 'newer than the last patch';

/** The release whose row is the best guess: the same line, else the nearest, newer ones first. */
function hypothesisFor(release: GoRelease, lines: readonly string[]): GoRelease | undefined {
  const minorOf = (line: string): number => Number(line.slice(line.indexOf('.') + 1));
  const older = lines.filter(line => minorOf(line) <= release.minor);
  const line = older.at(-1) ?? lines[0];
  if (line === undefined) return undefined;
  const patch = line === release.line && !isPrerelease(release) ? release.patch : 999;
  return { ...release, name: `go${line}`, minor: minorOf(line), line, patch, experiments: [] };
}

function readOwnDwarf(elf: ElfFile): GoOffsets | FormatError | undefined {
  if (!hasDwarf(elf)) return undefined;
  try {
    const structures = readDwarfStructures(elf, dwarfTypeNames());
    return structures?.has('runtime.g') === true ? dwarfOffsetsOf(structures) : undefined;
  } catch (error) {
    // Damaged DWARF is no reason to give up: the code is still there, and the refusal names it.
    if (error instanceof FormatError) return error;
    throw error;
  }
}

function unknownRelease(release: GoRelease, cause: unknown, why: string): UnknownReleaseError {
  const hint =
    'open the program unstripped (built without -ldflags=-s -w), or add its release to ' +
    'tools/toolchain/go-releases.json and run the target that makes the tables';
  const error = new UnknownReleaseError(`${release.name} is not supported yet: ${why}`, hint);
  error.cause = cause;
  return error;
}

/**
 * The offsets of a program's runtime by the first rung that gives them; `rung` names it. Without
 * a reader of effects the answer may be a table that is still to be confirmed: its `get` and
 * `need` throw UnknownReleaseError until {@link confirmOffsets} has seen the program's code.
 * Throws UnknownReleaseError when no rung is left.
 */
export function resolveOffsets(request: LadderRequest): GoOffsets {
  const { elf, release, tables = GO_TABLES } = request;
  let refusal: unknown;
  let table: GoOffsets | undefined;
  try {
    if (!isPrerelease(release)) table = tables.offsets(release, elf.arch);
  } catch (error) {
    if (!(error instanceof UnknownReleaseError)) throw error;
    refusal = error;
  }
  if (table !== undefined && !table.rung.includes(NEWER_PATCH)) return table;
  const dwarf = readOwnDwarf(elf);
  if (dwarf !== undefined && !(dwarf instanceof FormatError)) return dwarf;
  const guess = table === undefined ? hypothesisFor(release, tables.lines()) : undefined;
  const nearest = table ?? (guess && tables.offsets(guess, elf.arch));
  const why = refusal instanceof Error ? refusal.message : 'it is no release of the tables';
  if (nearest === undefined) throw unknownRelease(release, refusal ?? dwarf, why);
  const unconfirmed = unknownRelease(
    release,
    refusal ?? dwarf,
    `it has no debugging information, and table ${nearest.key} was not confirmed by its code`,
  );
  const rung = table?.rung ?? `table ${nearest.key}, not confirmed yet`;
  const open = new TableToConfirm(nearest, rung, unconfirmed, table !== undefined);
  return request.effects === undefined ? open : confirmOffsets(request, open);
}

/** True for a table that {@link confirmOffsets} has something to say of. */
export function isToConfirm(offsets: GoOffsets): boolean {
  return offsets instanceof TableToConfirm;
}

/** Fields that must be confirmed before a table of another release is used at all. */
const ESSENTIAL = ['g.m', 'g.sched.sp', 'm.g0', 'm.curg'];

/**
 * Confirms a table that is not of the program's release by the program's own code, and returns
 * offsets of the confirmed fields; other offsets are returned as they are. Throws
 * UnknownReleaseError when the code contradicts the table, naming field and displacements, or
 * when it confirms too little. Costs the decoding of some twenty functions.
 */
export function confirmOffsets(request: LadderRequest, offsets: GoOffsets): GoOffsets {
  const { release, elf, functionsNamed, effects } = request;
  if (!(offsets instanceof TableToConfirm) || effects === undefined) return offsets;
  const { table, usable } = offsets;
  const found = confirmFields({ elf, effects, functionsNamed, table });
  const against = found.contradicted[0];
  if (against !== undefined) {
    const { field, expected, seen, witness } = against;
    const at = `${field} at ${expected}, its code uses ${seen} (${witness})`;
    const why = `table ${table.key} has ${at}`;
    throw unknownRelease(release, offsets.refusal, why);
  }
  const missing = ESSENTIAL.filter(field => !found.confirmed.has(field));
  if (missing.length > 0 && !usable) {
    const why = `its code does not show ${missing.join(', ')} of table ${table.key}`;
    throw unknownRelease(release, offsets.refusal, why);
  }
  const count = `confirmed by disassembly (${found.confirmed.size} fields)`;
  const rung = usable ? `${table.rung}, ${count}` : `table ${table.key} ${count}`;
  return usable ? { ...asOffsets(table), rung } : confirmedOnly(release, table, found, rung);
}

const asOffsets = (table: GoOffsets): GoOffsets => ({
  key: table.key,
  rung: table.rung,
  get: field => table.get(field),
  need: field => table.need(field),
});

/** Only what was confirmed; the rest is absent, and asking for it says why. */
function confirmedOnly(
  release: GoRelease,
  table: GoOffsets,
  { confirmed }: Confirmation,
  rung: string,
): GoOffsets {
  return {
    key: table.key,
    rung,
    get: field => (confirmed.has(field) ? table.get(field) : undefined),
    need(field) {
      if (confirmed.has(field)) return table.need(field);
      const why = `no code of the program confirms ${field} of table ${table.key}`;
      throw unknownRelease(release, undefined, why);
    },
  };
}
