/**
 * Turns what was measured of each release into rows: a row says since when a value holds, and
 * there is one only where it changed. What a reader would get wrong: where the patch before a row's
 * was not measured, the row may hold earlier than it says; `unplaced` names those, and lookups
 * answer nothing for a patch inside such a gap.
 */
import type { Arch, Measured } from './witness.js';

/** One release as measured on both architectures. */
export interface MeasuredRelease {
  /** `go1.24.6`. */
  readonly version: string;
  /** `1.24`. */
  readonly line: string;
  readonly patch: number;
  readonly of: Readonly<Record<Arch, Measured>>;
}

/** Since `1.24` or `1.24.6`: the value on x86_64, then on arm64; null where there is none. */
export type Row = readonly [since: string, amd64: number | null, arm64: number | null];

/** Rows by name, both ascending. */
export type History = Readonly<Record<string, readonly Row[]>>;

/** Texts that hold since a release. */
export type TextRow = readonly [since: string, texts: readonly string[]];

/** Splits `go1.24.6` into its line and patch; `go1.15` is patch 0. */
export function splitVersion(version: string): { line: string; patch: number } {
  const match = /^go(1\.\d+)(?:\.(\d+))?$/.exec(version);
  if (match === null) throw new Error(`read release ${version}: not of the form go1.N or go1.N.P`);
  return { line: match[1]!, patch: Number(match[2] ?? 0) };
}

/** A row's name for a release: the line for its first patch. */
function since(release: MeasuredRelease): string {
  return release.patch === 0 ? release.line : `${release.line}.${release.patch}`;
}

function valueOf(
  release: MeasuredRelease | undefined,
  arch: Arch,
  kind: 'fields' | 'constants',
  name: string,
): number | null {
  const values = release?.of[arch][kind];
  return values !== undefined && Object.hasOwn(values, name) ? values[name]! : null;
}

/** History of all fields, or of all constants, over releases in ascending order. */
export function historyOf(
  releases: readonly MeasuredRelease[],
  kind: 'fields' | 'constants',
): History {
  const names = new Set(
    releases.flatMap(r => Object.values(r.of).flatMap(measured => Object.keys(measured[kind]))),
  );
  const history: Record<string, Row[]> = {};
  for (const name of [...names].sort()) {
    const rows: Row[] = [];
    releases.forEach(release => {
      const amd64 = valueOf(release, 'x86_64', kind, name);
      const arm64 = valueOf(release, 'arm64', kind, name);
      const last = rows.at(-1) ?? [undefined, null, null];
      if (amd64 === last[1] && arm64 === last[2]) return;
      rows.push([since(release), amd64, arm64]);
    });
    history[name] = rows;
  }
  return history;
}

/** History of the wait reasons; both architectures must agree. */
export function waitReasonHistory(releases: readonly MeasuredRelease[]): TextRow[] {
  const rows: TextRow[] = [];
  releases.forEach(release => {
    const texts = release.of.x86_64.waitReasons;
    if (JSON.stringify(texts) !== JSON.stringify(release.of.arm64.waitReasons)) {
      throw new Error(`read wait reasons of ${release.version}: they differ by architecture`);
    }
    if (JSON.stringify(texts) === JSON.stringify(rows.at(-1)?.[1])) return;
    rows.push([since(release), texts]);
  });
  return rows;
}

/** Patches whose predecessor was not measured although something changed there, in words. */
export function unplaced(releases: readonly MeasuredRelease[], history: History): string[] {
  const moved = new Set(Object.values(history).flatMap(rows => rows.map(([from]) => from)));
  return releases.flatMap((release, index) => {
    const before = releases[index - 1];
    if (release.patch === 0 || !moved.has(since(release))) return [];
    if (before?.line === release.line && before.patch === release.patch - 1) return [];
    return [`${release.version} moved fields, or a patch after ${before?.version ?? 'none'} did`];
  });
}
