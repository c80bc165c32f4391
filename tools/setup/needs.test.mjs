/**
 * Tests of what set-up installs, on machines that exist only here.
 */
import t from 'tap';
import { goSuffices, missingNeeds, packagesFor } from './needs.mjs';
import { installLine, mirrorOf, missingError } from './apt.mjs';

/**
 * @param {Partial<import('./host.mjs').Host>} facts
 * @returns {import('./host.mjs').Host} a bare Debian 13 unless the facts say otherwise
 */
function machine(facts = {}) {
  return {
    arch: 'x64',
    suite: 'trixie',
    apt: true,
    root: false,
    has: () => false,
    exists: () => false,
    goVersion: () => undefined,
    ...facts,
  };
}

t.test('a bare machine lacks the compilers for the host lane, and no QEMU', async t => {
  const { packages, backports } = packagesFor(machine(), missingNeeds(machine(), ['host']));
  const wanted = ['clang', 'llvm', 'libbpf1', 'libbpf-dev', 'gcc', 'libc6-dev', 'golang-go'];
  t.strictSame(packages, [...wanted, 'ca-certificates']);
  t.equal(backports, undefined);
});

t.test('tests add the guests of both processors and their compilers', async t => {
  const { packages } = packagesFor(machine(), missingNeeds(machine(), ['tests']));
  for (const name of ['qemu-system-x86', 'qemu-system-arm', 'gcc-aarch64-linux-gnu', 'bpftool']) {
    t.ok(packages.includes(name), name);
  }
  const arm = machine({ arch: 'arm64' });
  t.notOk(
    packagesFor(arm, missingNeeds(arm, ['tests'])).packages.includes('gcc-aarch64-linux-gnu'),
  );
});

t.test('a machine that has everything lacks nothing', async t => {
  const full = machine({ has: () => true, exists: () => true, goVersion: () => '1.26.8' });
  t.strictSame(missingNeeds(full, ['host', 'guest', 'tests']), []);
});

t.test("bookworm's own Go is too old and comes from its backports", async t => {
  const bookworm = machine({ suite: 'bookworm', goVersion: () => '1.19.8' });
  const { packages, backports } = packagesFor(bookworm, missingNeeds(bookworm, ['host']));
  t.ok(packages.includes('golang-go'));
  t.equal(backports, 'bookworm-backports');
  t.notOk(goSuffices('1.19.8'));
  t.notOk(goSuffices(undefined));
  t.ok(goSuffices('1.21'));
  t.ok(goSuffices('2.0.1'));
});

t.test('without root the error is one line to run, and asks with exit code 2', async t => {
  const host = machine({ has: name => name !== 'clang', exists: () => true });
  const error = missingError(
    host,
    missingNeeds(machine({ ...host, goVersion: () => '1.24' }), ['host']),
  );
  t.equal(error.exitCode, 2);
  t.equal(error.next, 'sudo apt-get install -y --no-install-recommends clang');
  t.match(error.message, /clang, which compiles the BPF programs/);
});

t.test('the backports are named in the line where they are needed', async t => {
  const line = installLine({ packages: ['golang-go'], backports: 'bookworm-backports' });
  t.match(line, '-t bookworm-backports golang-go');
});

t.test("apt's own mirror is read from both formats of its sources", async t => {
  const stanza = 'Types: deb\nURIs: http://a.example/debian\nSuites: bookworm bookworm-updates\n';
  t.equal(mirrorOf([stanza], 'bookworm'), 'http://a.example/debian');
  const line = 'deb [signed-by=/k.gpg] http://b.example/debian bookworm main\n';
  t.equal(mirrorOf([line], 'bookworm'), 'http://b.example/debian');
  t.equal(mirrorOf([stanza, line], 'trixie'), undefined);
});
