/**
 * Questions about this machine that set-up asks: which Debian, which commands, which libraries.
 * What a reader would get wrong: everything here runs before `npm ci`, so node: modules only, and a
 * command counts as present when it is in PATH *or* in an sbin folder (an ordinary user's PATH on
 * Debian has none, and bpftool lives there).
 */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';

/**
 * @typedef {object} Host
 * @property {'x64' | 'arm64' | string} arch Node's name of the processor.
 * @property {string} suite Debian's code name (`trixie`), or '' where it is not Debian.
 * @property {boolean} apt Whether packages are installed with apt here.
 * @property {boolean} root Whether we may install packages ourselves.
 * @property {(command: string) => boolean} has Whether a command can be run.
 * @property {(path: string) => boolean} exists Whether a file exists.
 * @property {() => string | undefined} goVersion The local Go's release, such as `1.24.4`.
 */

const TRIPLETS = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

/**
 * Looks a command up in PATH and the two sbin folders.
 *
 * @param {string} command
 * @returns {string | undefined} its full path
 */
export function findCommand(command) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    const path = join(folder || '.', command);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder; the next one may have it.
    }
  }
  return undefined;
}

/**
 * Where a shared library would lie on Debian, for this processor.
 *
 * @param {string} arch Node's name of the processor
 * @param {string} soname such as `libbpf.so.1`
 * @returns {string[]} candidates, most likely first
 */
export function libraryPaths(arch, soname) {
  const triplet = TRIPLETS[/** @type {keyof typeof TRIPLETS} */ (arch)] ?? arch;
  return [`/usr/lib/${triplet}`, `/lib/${triplet}`, '/usr/local/lib', '/usr/lib64', '/usr/lib'].map(
    folder => join(folder, soname),
  );
}

/**
 * Reads one field of /etc/os-release.
 *
 * @param {string} text the file's content
 * @param {string} field such as `VERSION_CODENAME`
 * @returns {string} its value without quotes, '' when absent
 */
export function osRelease(text, field) {
  const line = text.split('\n').find(l => l.startsWith(`${field}=`));
  return line === undefined ? '' : line.slice(field.length + 1).replaceAll('"', '');
}

/** @returns {string | undefined} the local Go's release, undefined when there is none */
function localGo() {
  const go = findCommand('go');
  if (go === undefined) return undefined;
  // GOTOOLCHAIN=local: a module's go.mod must not make this question download a compiler.
  const env = { ...process.env, GOTOOLCHAIN: 'local' };
  const answer = spawnSync(go, ['env', 'GOVERSION'], { encoding: 'utf8', cwd: '/', env });
  return /^go(\d+\.\d+(?:\.\d+)?)/.exec(answer.stdout ?? '')?.[1];
}

/**
 * @returns {Host} answers about the computer that we run on; its questions are asked when called
 */
export function thisHost() {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return {
    arch: process.arch,
    suite: osRelease(release, 'ID') === 'debian' ? osRelease(release, 'VERSION_CODENAME') : '',
    apt: findCommand('apt-get') !== undefined,
    root: process.getuid?.() === 0,
    has: command => findCommand(command) !== undefined,
    exists: existsSync,
    goVersion: localGo,
  };
}
