/**
 * Go releases by name. What a reader would get wrong: experiments are part of the version string
 * (`go1.26.11-X:arenas`, before 1.26 with a space), and some of them move runtime fields.
 */

/** A release as a program names it. */
export interface GoRelease {
  /** The whole string, such as `go1.26.8-X:arenas`. */
  readonly name: string;
  /** Minor release, such as 26 for Go 1.26; the major one is always 1. */
  readonly minor: number;
  /** Patch release; 0 where none is named. */
  readonly patch: number;
  /** `1.26`: the key of tables. */
  readonly line: string;
  /** GOEXPERIMENTs named in the string; empty for most programs. */
  readonly experiments: readonly string[];
}

const PATTERN = /^(?:devel )?go1\.(\d{1,3})(?:\.(\d{1,3}))?(?:(?:rc|beta)\d+)?(?=$|[-+ ])/;

/** Parses a version string; undefined when it does not name a Go 1 release. */
export function parseGoRelease(name: string): GoRelease | undefined {
  const match = PATTERN.exec(name);
  if (match === null) return undefined;
  const experiments = /[ -]X:([a-z0-9_,]+)/.exec(name)?.[1]?.split(',') ?? [];
  return {
    name,
    minor: Number(match[1]),
    patch: Number(match[2] ?? 0),
    line: `1.${match[1]}`,
    experiments,
  };
}
