/**
 * A probe outside of this repository, as its author meets it: the packages are packed, installed
 * into an empty folder, and a probe is made, built, tested, run and reported there. What a reader
 * would get wrong: the folder lies in the system's temporary one, so that nothing of the
 * repository's node_modules can be found from it; only third-party packages come from the registry.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { CELL, ROOT, areCalls, eventsOf, passes, run } from './author.mjs';

const FOLDERS = [
  ...['symbols', 'core', 'memory', 'report', 'cli'].map(name => `packages/${name}`),
  ...['tools/codegen', 'tools/toolchain', 'vm-tests'],
];
/** An author at work, who does not want to wait for a guest. */
const HOST_ONLY = process.env['SONDE_LANE'] === 'host';

t.setTimeout(0);

const folder = mkdtempSync(join(tmpdir(), 'sonde-author-'));
const probe = join(folder, 'my-probe');
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Writes what the page on testing shows of programs that an author brings, and of their test.
 *
 * @returns {string[]} the files, below their first folder
 */
function writeOwnPrograms() {
  const page = readFileSync(join(ROOT, 'docs/testing-a-probe.md'), 'utf8');
  const blocks = page.matchAll(/^```\w+ file=\w+\/(parent\S+|own\S+)\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, file = '', text = '']) => {
    const path = join(probe, file.startsWith('own') ? 'src' : 'workloads', file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text.replaceAll('syscalls', 'my-probe'));
    return file;
  });
}

/** @param {string} path @returns {any} */
const readJson = path => JSON.parse(readFileSync(path, 'utf8'));

/** Files that exports, bin and Nx keys name. @param {any} manifest @returns {string[]} */
function namedFiles(manifest) {
  /** @param {unknown} value @returns {string[]} */
  const words = value =>
    typeof value === 'string' ? [value] : Object.values(value ?? {}).flatMap(words);
  const { exports, bin, executors, generators } = manifest;
  return words([exports, bin, executors, generators]);
}

/** Packages that a compiled module imports. @param {string} text @returns {string[]} */
function importedPackages(text) {
  const names = String.raw`(?:\*(?: as [\w$]+)?|[\w$]+|(?:[\w$]+, )?\{[^}]*\})`;
  const statement = new RegExp(
    `^(?:import|export) (?:${names} from )?['"]([^.'"][^'"]*)['"]`,
    'gm',
  );
  return [...text.matchAll(statement)].flatMap(([, name = '']) => {
    const [first = '', second = ''] = name.split('/');
    const bare = name.startsWith('@') ? `${first}/${second}` : first;
    return name.startsWith('node:') || builtinModules.includes(bare) ? [] : [bare];
  });
}

t.test('every package holds what it names, and nothing of this machine', async t => {
  const args = ['pack', '--json', '--pack-destination', folder];
  const packed = run(ROOT, 'npm', ...args, ...FOLDERS.map(each => `./${each}`));
  passes(t, packed);
  /** @type {{ name: string, files: { path: string }[] }[]} */
  const packages = JSON.parse(packed.out);
  for (const { name, files } of packages) {
    const home =
      FOLDERS.find(each => readJson(join(ROOT, each, 'package.json')).name === name) ?? '';
    const manifest = readJson(join(ROOT, home, 'package.json'));
    const paths = files.map(file => file.path);
    const missing = namedFiles(manifest).filter(file => !paths.includes(file.replace('./', '')));
    t.strictSame(missing, [], `${name}: files that its package.json names`);
    t.strictSame(
      paths.filter(path => /\.test\.|tsbuildinfo|dist\/(?:workloads|bundles)\//.test(path)),
      [],
      `${name}: no tests, no leftovers of builds`,
    );
    const declared = new Set([name, ...Object.keys(manifest.dependencies ?? {})]);
    for (const path of paths.filter(each => /\.(?:m?js|json|map|hbs|h|go)$/.test(each))) {
      const text = readFileSync(join(ROOT, home, path), 'utf8');
      if (text.includes(ROOT)) t.fail(`${name}/${path} names a folder of this machine`);
      // Tests of the repository load the first; the second holds programs of authors, as text.
      if (!path.endsWith('js') || /\/testing\/|probe-files\.mjs$/.test(path)) continue;
      for (const bare of importedPackages(text)) {
        if (!declared.has(bare)) t.fail(`${name}/${path} imports ${bare}, which is no dependency`);
      }
    }
  }
});

t.test('they are installed into an empty folder', async t => {
  const { devDependencies } = readJson(join(ROOT, 'package.json'));
  const tools = ['tap', 'typescript', '@types/node'].map(
    name => `${name}@${devDependencies[name]}`,
  );
  const tarballs = readdirSync(folder).filter(name => name.endsWith('.tgz'));
  t.equal(tarballs.length, FOLDERS.length);
  const flags = ['--prefer-offline', '--no-audit', '--no-fund'];
  const installed = run(
    folder,
    'npm',
    'i',
    ...flags,
    ...tarballs.map(name => `./${name}`),
    ...tools,
  );
  passes(t, installed);
});

t.test('a probe is made and built there, without Nx', async t => {
  const made = run(folder, 'npx', '--no-install', 'sonde-codegen', 'new', 'my-probe');
  passes(t, made);
  t.match(made.out, /^wrote .*package\.json$/m);
  const written = writeOwnPrograms();
  t.strictSame(written, ['parent-go/main.go', 'parent-c/main.c', 'own.kernel.test.ts']);
  const built = run(probe, 'npm', 'run', 'build');
  passes(t, built);
  for (const file of [
    'probe.js',
    'probe.d.ts',
    'bpf/my-probe.x86_64.bpf.o',
    'bpf/my-probe.arm64.bpf.o',
  ]) {
    t.ok(existsSync(join(probe, 'dist', file)), file);
  }
  const fresh = run(probe, 'npx', '--no-install', 'sonde-codegen', '--check', '.');
  passes(t, fresh);
  t.notOk(existsSync(join(folder, 'node_modules/nx')), 'no Nx was installed');
});

t.test('its test passes in a guest and, where that works, on this machine', async t => {
  const tested = run(probe, 'npm', 'test');
  passes(t, tested);
  const { out } = tested;
  const places = HOST_ONLY ? [] : [CELL];
  if (HOST_ONLY || /^host lane: works/m.test(out)) places.push('host');
  for (const place of places) {
    t.match(
      out,
      new RegExp(`^ok +sonde-probe-my-probe in ${place}: .*, ${COMPARED} events compared$`, 'm'),
    );
  }
});

const noCell = HOST_ONLY && 'SONDE_LANE=host: it ran in no cell of the matrix';
/** Events of the generated test, and of the one that traces the author's own program. */
const COMPARED = 29 + 7;

t.test('its compatibility report says what was seen', { skip: noCell }, async t => {
  passes(t, run(probe, 'npm', 'run', 'report'));
  const report = readJson(join(probe, 'compatibility.json'));
  t.equal(report.format, 'sonde.compatibility/1');
  const [{ name, cells }] = report.probes;
  t.equal(name, 'my-probe');
  const cell = cells.find((/** @type {any} */ each) => each.cell === CELL);
  t.equal(cell.ok, true);
  t.match(cell.alternatives, [{ point: 'enter', state: 'seen', compared: COMPARED }]);
  t.match(readFileSync(join(probe, 'compatibility.md'), 'utf8'), /my-probe/);
  t.match(readFileSync(join(probe, 'out/report/compatibility.html'), 'utf8'), /my-probe/);
});

t.test('sonde finds it, shows its parameters and its events', async t => {
  const listed = run(probe, 'npx', '--no-install', 'sonde', 'probes');
  t.match(listed.out, /^my-probe +system calls of the target$/m);
  const help = run(probe, 'npx', '--no-install', 'sonde', 'run', 'my-probe', '--help');
  t.match(help.out, /--first-number <n> +calls below this number are not reported/);
  const doctor = run(probe, 'npx', '--no-install', 'sonde', 'doctor', '--json');
  const guest = ['job', '--cell', CELL, 'run', 'my-probe', '--duration', '2s', '--json'];
  const workloads = join(folder, 'node_modules/@sonde/vm-tests/dist/workloads');
  const sonde = /** @type {const} */ (['npx', '--no-install', 'sonde', 'run', 'my-probe']);
  const out = JSON.parse(doctor.out).host.works
    ? await eventsOf(probe, workloads, sonde)
    : run(probe, 'npx', '--no-install', 'sonde-vm', ...guest).out;
  areCalls(t, out);
});
