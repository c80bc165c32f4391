/**
 * Go releases by name. What a reader would get wrong: experiments are part of the version string
 * (`go1.26.11-X:arenas`, before 1.26 with a space), some of them move runtime fields, and vendors
 * add words of their own (`go1.22.3 (Red Hat 1.22.3-1)`, `go1.20.5-fips`, `go1.19.4b7`).
 */

/** A release as a program names it. */
export interface GoRelease {
  /** The whole string, such as `go1.26.8-X:arenas`; empty where nothing names the release. */
  readonly name: string;
  /** Minor release, such as 26 for Go 1.26; the major one is always 1. -1 where it is unknown. */
  readonly minor: number;
  /** Patch release; 0 where none is named. */
  readonly patch: number;
  /** `1.26`: the key of tables. */
  readonly line: string;
  /** GOEXPERIMENTs named in the string; empty for most programs. */
  readonly experiments: readonly string[];
  /** What else the string says: `rc1`, `devel`, `fips`, `(Red Hat 1.22.3-1)`; mostly absent. */
  readonly variant?: string;
}

/** Stands for a program that does not name its release. */
export const UNKNOWN_RELEASE: GoRelease = {
  ...{ name: '', minor: -1, patch: 0, line: 'unknown', experiments: [] },
};

/** Letters after the number: candidates (`rc1`, `beta2`), and BoringCrypto's branches (`b7`). */
const PATTERN = /^(devel )?go1\.(\d{1,3})(?:\.(\d{1,3}))?((?:rc|beta|b)\d+)?(?=$|[-+_ ])/;
const EXPERIMENTS = /[ -]X:([a-z0-9_,]+)/;

/** Parses a version string; undefined when it does not name a Go 1 release. */
export function parseGoRelease(name: string): GoRelease | undefined {
  const match = PATTERN.exec(name);
  if (match === null) return undefined;
  const experiments = EXPERIMENTS.exec(name)?.[1]?.split(',') ?? [];
  const rest = name.slice(match[0].length).replace(EXPERIMENTS, '');
  const words = [match[1], match[4], rest.replace(/^[-+_ ]+/, '')].map(word => word?.trim());
  const variant = words.filter(Boolean).join(' ');
  return {
    name,
    minor: Number(match[2]),
    patch: Number(match[3] ?? 0),
    line: `1.${match[2]}`,
    experiments,
    ...(variant !== '' && { variant }),
  };
}
