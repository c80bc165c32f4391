/**
 * What each job needs from Debian, and which packages bring it. What a reader would get wrong: a
 * need is asked of the machine (is there a `clang`? a header?), never of dpkg, so a compiler
 * installed by hand counts. Versions are never pinned: Debian's move.
 */
import { libraryPaths } from './host.mjs';

/** @typedef {import('./host.mjs').Host} Host */
/** @typedef {'host' | 'guest' | 'tests'} Job what the packages are for */
/**
 * @typedef {object} Need
 * @property {string} what what is missing, as a person would say it
 * @property {readonly Job[]} jobs the jobs that need it
 * @property {readonly string[]} packages the Debian packages that bring it
 * @property {(host: Host) => boolean} present whether the machine has it already
 * @property {(host: Host) => boolean} [applies] false where this machine never needs it
 */

/** The oldest Go that fetches other releases by itself (the `go` line of toolchains since 1.21). */
export const GO_MINIMUM = [1, 21];

/**
 * Whether a Go release can fetch other Go releases.
 *
 * @param {string | undefined} version such as `1.19.8`
 * @returns {boolean}
 */
export function goSuffices(version) {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  const [wantMajor = 0, wantMinor = 0] = GO_MINIMUM;
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
}

/** @type {readonly Job[]} */
const EVERY = ['host', 'guest', 'tests'];
/** @type {readonly Job[]} */
const GUESTS = ['guest', 'tests'];

/**
 * @param {string} what
 * @param {readonly Job[]} jobs
 * @param {string} command
 * @param {readonly string[]} packages
 * @returns {Need} a need that a command in PATH answers
 */
function command(what, jobs, command, packages) {
  return { what, jobs, packages, present: host => host.has(command) };
}

/**
 * @param {string} what
 * @param {readonly Job[]} jobs
 * @param {string} path
 * @param {readonly string[]} packages
 * @returns {Need} a need that a file answers
 */
function file(what, jobs, path, packages) {
  return { what, jobs, packages, present: host => host.exists(path) };
}

/** Everything any job needs, in the order in which it is named to the user. */
export const NEEDS = /** @type {readonly Need[]} */ ([
  command('clang, which compiles the BPF programs', EVERY, 'clang', ['clang']),
  command('llvm-strip, which keeps the BPF objects small', EVERY, 'llvm-strip', ['llvm']),
  {
    what: 'libbpf, which loads them',
    jobs: EVERY,
    packages: ['libbpf1'],
    present: host => libraryPaths(host.arch, 'libbpf.so.1').some(host.exists),
  },
  file("libbpf's BPF headers", EVERY, '/usr/include/bpf/bpf_helpers.h', ['libbpf-dev']),
  command('a C compiler for cgo', EVERY, 'gcc', ['gcc']),
  file('the C headers', EVERY, '/usr/include/stdio.h', ['libc6-dev']),
  {
    what: `Go ${GO_MINIMUM.join('.')} or newer`,
    jobs: EVERY,
    packages: ['golang-go'],
    present: host => goSuffices(host.goVersion()),
  },
  file('certificates for downloads', EVERY, '/etc/ssl/certs/ca-certificates.crt', [
    'ca-certificates',
  ]),
  command('QEMU for x86_64 guests', GUESTS, 'qemu-system-x86_64', ['qemu-system-x86']),
  command('mkfs.ext4 for guest disks', GUESTS, 'mkfs.ext4', ['e2fsprogs']),
  command('zstd, which unpacks newer kernels', GUESTS, 'zstd', ['zstd']),
  command('lz4, which unpacks older kernels', GUESTS, 'lz4', ['lz4']),
  command('xz, which unpacks packages', GUESTS, 'xz', ['xz-utils']),
  {
    what: "Debian's archive keys, which verify guests",
    jobs: GUESTS,
    packages: ['debian-archive-keyring'],
    present: host =>
      ['pgp', 'gpg'].some(end => host.exists(`/usr/share/keyrings/debian-archive-keyring.${end}`)),
  },
  command('QEMU for arm64 guests', ['tests'], 'qemu-system-aarch64', ['qemu-system-arm']),
  {
    ...command('a C compiler for arm64', ['tests'], 'aarch64-linux-gnu-gcc', [
      'gcc-aarch64-linux-gnu',
      'libc6-dev-arm64-cross',
    ]),
    applies: host => host.arch !== 'arm64',
  },
  command('bpftool, an oracle of the layout tests', ['tests'], 'bpftool', ['bpftool']),
  command('gdb, the other opinion about stacks of C code', ['tests'], 'gdb', ['gdb']),
  {
    what: 'Chromium, in which the compatibility report is tested',
    jobs: ['tests'],
    packages: ['chromium'],
    present: host => host.has('chromium') || host.has('google-chrome'),
  },
  command('Vagrant, whose machines are tested', ['tests'], 'vagrant', ['vagrant']),
  command('the SSH client, by which machines are entered', ['tests'], 'ssh-keygen', [
    'openssh-client',
  ]),
  command('rubocop, which checks the Ruby code', ['tests'], 'rubocop', ['rubocop']),
  // A Ruby library lies in a folder with its version, so here the package's own list is asked.
  file('minitest, for the Ruby tests', ['tests'], '/var/lib/dpkg/info/ruby-minitest.list', [
    'ruby-minitest',
  ]),
  command('cpio, an oracle of the payload tests', ['tests'], 'cpio', ['cpio']),
]);

/**
 * What a job needs and this machine does not have.
 *
 * @param {Host} host
 * @param {readonly Job[]} jobs
 * @returns {Need[]} in the table's order
 */
export function missingNeeds(host, jobs) {
  return NEEDS.filter(need => {
    const wanted = need.jobs.some(job => jobs.includes(job));
    return wanted && (need.applies?.(host) ?? true) && !need.present(host);
  });
}

/**
 * The packages to install for some needs, and whether bookworm's backports are wanted for them:
 * its own golang-go is 1.19, which cannot fetch other releases.
 *
 * @param {Host} host
 * @param {readonly Need[]} needs
 * @returns {{ packages: string[], backports: string | undefined }} `backports` is a suite's name
 */
export function packagesFor(host, needs) {
  const packages = [...new Set(needs.flatMap(need => need.packages))];
  const old = host.suite === 'bookworm' && packages.includes('golang-go');
  return { packages, backports: old ? 'bookworm-backports' : undefined };
}
