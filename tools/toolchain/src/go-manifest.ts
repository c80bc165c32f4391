/**
 * Reads go-releases.json: every Go release that Sonde uses, its checksums and why it is there.
 *
 * The fact readers get wrong: the manifest does not replace the checksum database. `go` checks each
 * download with that too; the manifest makes a changed answer visible in a review, and holds for
 * machines whose GONOSUMDB or GOFLAGS switch the database off.
 */
import { readFileSync } from 'node:fs';

/** One release of the manifest. */
export interface GoReleaseEntry {
  /** As Go names it: `go1.15`, `go1.24.13`. */
  readonly version: string;
  /** The minor release: `1.24`. */
  readonly line: string;
  /** `h1:` hash of the toolchain module by platform, such as `linux-amd64`. */
  readonly sums: Readonly<Record<string, string>>;
  /** Why the release is in the manifest, in words. */
  readonly role: string;
  /** True for the one release of its line that tests build and run. */
  readonly tested?: boolean;
}

/** Where Debian has a line: `<pattern>-go` and `<pattern>-src`, expressions over package names. */
export interface DebianGo {
  readonly suite: string;
  readonly pattern: string;
}

interface GoManifest {
  readonly releases: readonly GoReleaseEntry[];
  readonly debian: Readonly<Record<string, DebianGo>>;
}

const manifest = JSON.parse(
  readFileSync(new URL('../go-releases.json', import.meta.url), 'utf8'),
) as GoManifest;

/** Every release of the manifest, ascending. */
export const goManifest: readonly GoReleaseEntry[] = manifest.releases;

/** Where Debian has a line such as `1.24`; lines that Debian never had are absent. */
export const goInDebian: Readonly<Record<string, DebianGo>> = manifest.debian;

/** The release of each line that tests build and run, by line: `{ '1.24': '1.24.13', … }`. */
export const goReleases: Readonly<Record<string, string>> = Object.fromEntries(
  goManifest.filter(r => r.tested).map(r => [r.line, r.version.slice('go'.length)]),
);

/**
 * Returns the entry for a line (`1.24`: the release that tests use) or for one exact release
 * (`1.24.13` or `go1.24.13`; of 1.15 to 1.20 the first patch, `go1.15`, only with its `go`);
 * undefined where the manifest has none.
 */
export function findGoRelease(wanted: string): GoReleaseEntry | undefined {
  const ofLine = goManifest.find(r => r.tested && r.line === wanted);
  return ofLine ?? goManifest.find(r => r.version === wanted || r.version === `go${wanted}`);
}
