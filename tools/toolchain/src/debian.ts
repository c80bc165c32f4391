/**
 * Debian packages of any suite and architecture, found in the signed index and unpacked.
 *
 * apt itself does the fetching and verifying, with a private state folder per suite, so nothing of
 * the machine's own apt changes, no root is needed, and proxies and certificates from its
 * apt.conf.d still count. The fact readers get wrong: no foreign code runs. `dpkg-deb -x` only
 * unpacks; no maintainer script is ever started.
 */
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheRoot, cached, contentKey, exists, type Progress } from './cache.js';
import { CommandError, run } from './command.js';
import { debianMirror, suiteMirrorVariable } from './mirror.js';

/** Debian's own architecture names, as in a package's file name. */
export type DebianArch = 'amd64' | 'arm64';

/** One package, verified and unpacked. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly arch: DebianArch;
  /** SHA-256 of the .deb file, from the signed index. */
  readonly sha256: string;
  /** Folder holding the unpacked tree; read-only by agreement. */
  readonly directory: string;
}

interface IndexEntry {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

interface Remembered extends IndexEntry {
  readonly atMs: number;
}

/** An index younger than this is searched as it is; backports move every few days. */
const INDEX_FRESH_MS = 24 * 60 * 60 * 1000;
/** A package resolved less than this ago is used without asking anybody: offline work. */
const RESOLVED_FRESH_MS = 7 * 24 * 60 * 60 * 1000;
const ARCHES: readonly DebianArch[] = ['amd64', 'arm64'];

/** Orders names by their numbers as numbers: `6.1.0-9` before `6.1.0-47`. */
export function compareNames(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const x = left[i] ?? '';
    const y = right[i] ?? '';
    if (x === y) continue;
    const numeric = /^\d+$/.test(x) && /^\d+$/.test(y);
    return numeric ? Number(x) - Number(y) : x < y ? -1 : 1;
  }
  return 0;
}

/** Returns the fields of the first paragraph that `apt-cache show` printed, names as printed. */
export function parseParagraph(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n\n')[0]?.split('\n') ?? []) {
    const match = /^([A-Za-z0-9-]+): (.*)$/.exec(line);
    if (match) fields.set(match[1] ?? '', match[2] ?? '');
  }
  return fields;
}

async function keyring(): Promise<string> {
  for (const suffix of ['pgp', 'gpg']) {
    const path = `/usr/share/keyrings/debian-archive-keyring.${suffix}`;
    if (await exists(path)) return path;
  }
  throw new CommandError('verify Debian packages: debian-archive-keyring is not installed', '', {
    hint: 'sudo apt-get install debian-archive-keyring',
  });
}

/** A suite's private apt: where its state lies and the options that make apt use it. */
interface Suite {
  readonly name: string;
  readonly mirror: string;
  readonly folder: string;
}

async function openSuite(name: string): Promise<Suite> {
  const mirror = await debianMirror(process.env, undefined, name);
  const folder = join(cacheRoot(), 'apt', `${name}-${contentKey([mirror]).slice(0, 8)}`);
  await mkdir(join(folder, 'state/lists/partial'), { recursive: true });
  await mkdir(join(folder, 'cache/archives/partial'), { recursive: true });
  const key = await keyring();
  const options = `arch=${ARCHES.join(',')} target=Packages signed-by=${key}`;
  await writeFile(join(folder, 'sources.list'), `deb [${options}] ${mirror} ${name} main\n`);
  await writeFile(join(folder, 'status'), '');
  await writeFile(join(folder, 'apt.conf'), aptConfiguration(folder));
  return { name, mirror, folder };
}

/** Hooks of the machine (image clean-ups, package kits) must not run for a private index. */
function aptConfiguration(folder: string): string {
  return [
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear DPkg::Post-Invoke;',
    '#clear APT::Architectures;',
    `APT::Architecture "${ARCHES[0]}";`,
    `APT::Architectures { ${ARCHES.map(a => `"${a}";`).join(' ')} };`,
    'APT::Sandbox::User "root";',
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    `Dir::State "${folder}/state";`,
    `Dir::State::status "${folder}/status";`,
    `Dir::Cache "${folder}/cache";`,
    'Dir::Cache::pkgcache "pkgcache.bin";',
    'Dir::Cache::srcpkgcache "srcpkgcache.bin";',
    `Dir::Etc::sourcelist "${folder}/sources.list";`,
    'Dir::Etc::sourceparts "/dev/null";',
    'Dir::Etc::preferences "/dev/null";',
    'Dir::Etc::preferencesparts "/dev/null";',
    '',
  ].join('\n');
}

/** flock(1) serialises processes that share the folder; apt itself would fail at once. */
async function apt(suite: Suite, tool: string, args: readonly string[], cwd?: string) {
  const lock = join(suite.folder, 'lock');
  const all = [lock, tool, '-c', join(suite.folder, 'apt.conf'), ...args];
  return run('flock', all, {
    what: `${tool} ${args[0] ?? ''} for ${suite.name}`,
    ...(cwd === undefined ? {} : { cwd }),
  });
}

async function refreshIndex(suite: Suite, force: boolean, progress: Progress): Promise<void> {
  const stamp = join(suite.folder, 'updated');
  const age = await stat(stamp).then(
    s => Date.now() - s.mtimeMs,
    () => Infinity,
  );
  if (age < (force ? 60_000 : INDEX_FRESH_MS)) return;
  progress(`reading the package index of ${suite.name}`);
  try {
    await apt(suite, 'apt-get', ['update', '-q', '-o', 'APT::Update::Error-Mode=any']);
  } catch (cause) {
    const output = cause instanceof CommandError ? cause.output : String(cause);
    const gone = /does not have a Release file|404 +Not Found/.test(output);
    throw new CommandError(
      `fetch suite ${suite.name}: ${gone ? 'the mirror does not carry it' : lastError(output)}`,
      output,
      {
        cause,
        hint: gone
          ? `set ${suiteMirrorVariable(suite.name)} to a mirror that still has it ` +
            '(old suites move to the archive)'
          : 'check the network, then run the same command again',
      },
    );
  }
  await writeFile(stamp, '');
}

function lastError(output: string): string {
  const lines = output.split('\n').filter(l => /^[EW]: /.test(l));
  return lines.map(l => l.slice(3))[0] ?? output.trim().split('\n').slice(-1)[0] ?? 'no output';
}

async function search(suite: Suite, pattern: string, arch: DebianArch): Promise<IndexEntry> {
  const prefix = /^[a-z0-9.+-]*/.exec(pattern.replace(/\\(.)/g, '$1'))?.[0] ?? '';
  const literal = prefix === pattern;
  const expression = new RegExp(`^(?:${pattern})$`);
  const listed = await apt(suite, 'apt-cache', ['pkgnames', literal ? pattern : prefix]);
  const names = listed.split('\n').filter(n => (literal ? n === pattern : expression.test(n)));
  for (const name of names.sort(compareNames).reverse()) {
    const args = ['show', '--no-all-versions', `${name}:${arch}`];
    const text = await apt(suite, 'apt-cache', args).catch(() => '');
    const fields = parseParagraph(text);
    const version = fields.get('Version');
    const sha256 = fields.get('SHA256');
    if (version && sha256) return { name, version, sha256 };
  }
  throw new CommandError(`find ${pattern} for ${arch} in ${suite.name}: no such package`, '', {
    hint: 'the suite may have moved on; compare the pattern with the suite in vm-tests/matrix.json',
  });
}

function packageName(entry: IndexEntry, arch: DebianArch): string {
  const version = entry.version.replace(/[^A-Za-z0-9.+-]/g, '_');
  return `${entry.name}_${version}_${arch}-${entry.sha256.slice(0, 12)}`;
}

async function download(
  suite: Suite,
  entry: IndexEntry,
  arch: DebianArch,
  progress: Progress,
): Promise<string> {
  return cached('deb', packageName(entry, arch), async directory => {
    progress(`fetching ${entry.name} ${entry.version} (${arch}, ${suite.name})`);
    const packed = `${directory}.deb.d`;
    await mkdir(packed);
    try {
      const spec = `${entry.name}:${arch}=${entry.version}`;
      await apt(suite, 'apt-get', ['download', '-q', spec], packed);
      const file = (await readdir(packed)).find(n => n.endsWith('.deb'));
      if (!file) throw new CommandError(`fetch ${spec}: apt left no file`, '');
      await run('dpkg-deb', ['-x', join(packed, file), directory], { what: `unpack ${spec}` });
    } finally {
      await rm(packed, { recursive: true, force: true });
    }
  });
}

async function readMemory(path: string): Promise<Record<string, Remembered>> {
  const text = await readFile(path, 'utf8').catch(() => '{}');
  try {
    return JSON.parse(text) as Record<string, Remembered>;
  } catch {
    return {};
  }
}

async function remember(path: string, key: string, entry: IndexEntry): Promise<void> {
  const memory = await readMemory(path);
  memory[key] = { ...entry, atMs: Date.now() };
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, JSON.stringify(memory, undefined, 1));
  await rename(temporary, path);
}

/**
 * Returns the newest package of the suite whose whole name matches `pattern` (a regular expression;
 * a plain name matches itself), verified against the signed index and unpacked into the cache.
 * Within a week of the last look, and whenever the network fails later, what is in the cache is
 * used. Throws CommandError, with one clear line when the suite is gone from the mirror.
 */
export async function debianPackage(
  suiteName: string,
  pattern: string,
  arch: DebianArch,
  progress: Progress = () => undefined,
): Promise<DebianPackage> {
  const suite = await openSuite(suiteName);
  const memoryPath = join(suite.folder, 'resolved.json');
  const key = `${pattern}:${arch}`;
  const known = (await readMemory(memoryPath))[key];
  const cachedPath = known && join(cacheRoot(), 'deb', packageName(known, arch));
  const usable = known && cachedPath && (await exists(cachedPath));
  if (usable && Date.now() - known.atMs < RESOLVED_FRESH_MS) {
    return {
      name: known.name,
      version: known.version,
      arch,
      sha256: known.sha256,
      directory: cachedPath,
    };
  }
  try {
    await refreshIndex(suite, false, progress);
    let entry = await search(suite, pattern, arch);
    let directory: string;
    try {
      directory = await download(suite, entry, arch, progress);
    } catch (cause) {
      if (!(cause instanceof CommandError) || !/404/.test(cause.output)) throw cause;
      await refreshIndex(suite, true, progress);
      entry = await search(suite, pattern, arch);
      directory = await download(suite, entry, arch, progress);
    }
    await remember(memoryPath, key, entry);
    return { ...entry, arch, directory };
  } catch (cause) {
    if (!usable) throw cause;
    progress(`using the cached ${known.name} ${known.version}: ${(cause as Error).message}`);
    return {
      name: known.name,
      version: known.version,
      arch,
      sha256: known.sha256,
      directory: cachedPath,
    };
  }
}
