/**
 * Reads which Debian mirror this machine uses, so that a suite other than its own comes from there.
 *
 * Both of apt's formats are read: one-line (`deb [options] URI suite …`) and deb822 (`URIs:`). The
 * fact readers get wrong: security and third-party archives lie in the same folder, so an entry
 * only counts when its path ends in `/debian` and it lists a component `main`.
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from './command.js';

/** One archive of apt's configuration. */
export interface Archive {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/** Returns the archives of a one-line file (`sources.list`, `*.list`); comments are skipped. */
export function parseOneLine(text: string): Archive[] {
  const archives: Archive[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (!match) continue;
    const [, uri = '', suite = '', rest = ''] = match;
    archives.push({ uri, suites: [suite], components: rest.split(/\s+/).filter(Boolean) });
  }
  return archives;
}

/** Returns the enabled binary archives of a deb822 file (`*.sources`). */
export function parseDeb822(text: string): Archive[] {
  const archives: Archive[] = [];
  for (const paragraph of text.split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    let last = '';
    for (const line of paragraph.split('\n')) {
      if (line.startsWith('#')) continue;
      const match = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line);
      if (match) {
        last = (match[1] ?? '').toLowerCase();
        fields.set(last, match[2] ?? '');
      } else if (/^\s+\S/.test(line)) {
        fields.set(last, `${fields.get(last) ?? ''} ${line.trim()}`);
      }
    }
    const words = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter(Boolean);
    if (!words('types').includes('deb') || fields.get('enabled')?.trim() === 'no') continue;
    for (const uri of words('uris')) {
      archives.push({ uri, suites: words('suites'), components: words('components') });
    }
  }
  return archives;
}

/**
 * Returns the URI of the first Debian archive in the list, without a trailing slash. Cloud images
 * name theirs through a list file (`mirror+file:…/debian.list`), which apt follows for any suite.
 */
export function pickMirror(archives: readonly Archive[]): string | undefined {
  const debian = archives.find(
    ({ uri, components }) =>
      components.includes('main') &&
      (/^(https?|file|copy):.*\/debian\/?$/.test(uri) || /^mirror\+.*\/debian\.list$/.test(uri)),
  );
  return debian?.uri.replace(/\/+$/, '');
}

/** The variable that names a mirror for one suite: `SONDE_DEBIAN_MIRROR_TRIXIE_BACKPORTS`. */
export function suiteMirrorVariable(suite: string): string {
  return `SONDE_DEBIAN_MIRROR_${suite.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
}

/**
 * Returns the mirror to fetch Debian packages from: for a suite the one that its own variable
 * names (`SONDE_DEBIAN_MIRROR_BULLSEYE`), else `$SONDE_DEBIAN_MIRROR`, else the one that this
 * machine's apt uses. Unreadable files are passed over; throws CommandError when there is none.
 */
export async function debianMirror(
  env: NodeJS.ProcessEnv = process.env,
  etcApt = '/etc/apt',
  suite?: string,
): Promise<string> {
  const ofSuite = suite === undefined ? undefined : env[suiteMirrorVariable(suite)];
  if (ofSuite) return ofSuite.replace(/\/+$/, '');
  if (env['SONDE_DEBIAN_MIRROR']) return env['SONDE_DEBIAN_MIRROR'].replace(/\/+$/, '');
  const folder = join(etcApt, 'sources.list.d');
  const names = await readdir(folder).catch(() => [] as string[]);
  const paths = [join(etcApt, 'sources.list'), ...names.sort().map(n => join(folder, n))];
  const archives: Archive[] = [];
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch(() => '');
    archives.push(...(path.endsWith('.sources') ? parseDeb822(text) : parseOneLine(text)));
  }
  const mirror = pickMirror(archives);
  if (mirror) return mirror;
  throw new CommandError(`find a Debian mirror: apt's configuration in ${etcApt} names none`, '', {
    hint: 'set SONDE_DEBIAN_MIRROR to the address of one, ending in /debian',
  });
}
