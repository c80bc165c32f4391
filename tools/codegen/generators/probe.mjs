/**
 * `nx g @sonde/codegen:probe NAME` and `sonde-codegen new NAME`: the files of a new probe that
 * works at once. It reports the system calls of the target, until its author writes something
 * better. What a reader would get wrong: no list of probes has to be changed. The Nx plugin finds
 * the schema, and the command line finds the key `sonde.probe` of the package. Outside of this
 * repository a probe is a plain npm package of its own.
 */
import { readFileSync } from 'node:fs';
import {
  moduleText,
  programText,
  readmeText,
  schemaText,
  snake,
  testText,
} from './probe-files.mjs';

/** @typedef {'workspace' | 'package'} Layout a folder of Sonde's repository, or a package alone */

/** What a package outside of the repository is built and tested by, beside Sonde's packages. */
const TOOLS = { '@types/node': '20.19.25', tap: '21.8.0', typescript: '6.0.3' };

/**
 * The files of a new probe, as text by path: from the workspace's root, or from the folder in which
 * the package's own folder is made.
 *
 * @param {string} name kebab case, without `probe-`
 * @param {Layout} layout
 * @returns {Record<string, string>}
 * @throws {TypeError} for a name that is not kebab case
 */
export function probeFiles(name, layout) {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    const error = new TypeError(`make probe "${name}": the name is not kebab case`);
    throw Object.assign(error, { hint: `call it ${suggestedName(name)}` });
  }
  if (name.startsWith('probe-')) {
    const error = new TypeError(`make probe "${name}": folder and package get "probe-" anyway`);
    throw Object.assign(error, { hint: `call it ${name.slice('probe-'.length)}` });
  }
  const { root, files, commands } =
    layout === 'workspace' ? workspaceLayout(name) : packageLayout(name);
  const probe = { name, commands };
  const all = {
    ...files,
    'README.md': readmeText(probe),
    'src/schema.ts': schemaText(probe),
    [`src/${snake(name)}.bpf.c`]: programText(probe),
    'src/probe.ts': moduleText(probe),
    [`src/${name}.kernel.test.ts`]: testText(probe),
  };
  return Object.fromEntries(Object.entries(all).map(([path, text]) => [`${root}/${path}`, text]));
}

/** A name in kebab case: `TCPRetransmit_2` → `tcp-retransmit-2`. @param {string} name */
function suggestedName(name) {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])|([A-Z])(?=[A-Z][a-z])/g, '$1$3-$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean)
    .join('-')
    .replace(/^[0-9-]+/, '');
  return words === '' ? 'something like socket-reads' : words;
}

/**
 * The Nx generator. In a workspace that is not Sonde's own, the probe is a package like any other.
 *
 * @param {import('@nx/devkit').Tree} tree
 * @param {{ name: string }} options
 */
export default function generate(tree, options) {
  const own = tree.exists('packages/core/bpf/sonde.bpf.h');
  for (const [path, text] of Object.entries(
    probeFiles(options.name, own ? 'workspace' : 'package'),
  )) {
    if (tree.exists(path)) throw new Error(`make probe ${options.name}: ${path} exists already`);
    tree.write(path, text);
  }
}

/** @param {unknown} value */
const json = value => `${JSON.stringify(value, null, 2)}\n`;

/** As prettier has it everywhere but in package.json. @param {unknown} value */
const shortLists = value => json(value).replaceAll(/\[\s+("[^"]*")\s+\]/g, '[$1]');

/** @returns {string} the version of this package, which all of Sonde's packages share */
function ownVersion() {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}

/** What both layouts' package.json say. @param {string} version */
const manifest = version => ({
  license: 'Apache-2.0',
  type: 'module',
  engines: { node: '>=20.19.0' },
  files: ['dist', '!dist/**/*.test.*'],
  exports: {
    '.': { types: './dist/probe.d.ts', default: './dist/probe.js' },
    './schema': { types: './dist/schema.d.ts', default: './dist/schema.js' },
  },
  sonde: { probe: './dist/probe.js' },
  dependencies: { '@sonde/core': version },
});

/** @param {string} name */
function workspaceLayout(name) {
  const version = ownVersion();
  const tsconfig = {
    extends: '../../tsconfig.base.json',
    compilerOptions: { rootDir: 'src', outDir: 'dist', tsBuildInfoFile: 'dist/.tsbuildinfo' },
    include: ['src/**/*.ts'],
    references: [
      { path: '../core/tsconfig.lib.json' },
      { path: '../../vm-tests/tsconfig.lib.json' },
    ],
  };
  return {
    root: `packages/probe-${name}`,
    files: {
      'package.json': json({
        name: `@sonde/probe-${name}`,
        version,
        description: `Sonde probe: ${name}`,
        ...manifest(version),
        nx: { name: `probe-${name}`, tags: ['room:probe'] },
        devDependencies: { '@sonde/vm-tests': version },
      }),
      'tsconfig.json': json({ files: [], references: [{ path: './tsconfig.lib.json' }] }),
      'tsconfig.lib.json': shortLists(tsconfig),
    },
    commands: {
      generate: `npx nx run probe-${name}:codegen`,
      test: `npx nx run probe-${name}:test`,
      run: `sudo npx sonde run ${name} --pid PID`,
      matrix: 'on every kernel of `vm-tests/matrix.json`.',
    },
  };
}

/** @param {string} name */
function packageLayout(name) {
  const version = ownVersion();
  const ours = Object.fromEntries(
    ['cli', 'codegen', 'vm-tests'].map(each => [`@sonde/${each}`, version]),
  );
  const common = manifest(version);
  return {
    root: name,
    files: {
      'package.json': json({
        name: `sonde-probe-${name}`,
        version: '0.1.0',
        description: `Sonde probe: ${name}`,
        keywords: ['sonde-probe'],
        ...common,
        // What the test traces; without these keys, every workload by every Go release is built.
        sonde: { ...common.sonde, workloads: ['touch'], goReleases: [] },
        scripts: {
          generate: 'sonde-codegen .',
          build: 'sonde-codegen . && sonde-codegen bpf . && tsc',
          test: 'npm run build && sonde-vm run',
          report: 'sonde-vm report --write',
          prepack: 'npm run build',
        },
        devDependencies: { ...ours, ...TOOLS },
      }),
      'tsconfig.json': shortLists({
        compilerOptions: COMPILER_OPTIONS,
        include: ['src/**/*.ts'],
      }),
      '.gitignore': 'node_modules\ndist\nout\n',
    },
    commands: {
      generate: 'npm run generate',
      test: 'npm install && npm test',
      run: `sudo npx sonde run ${name} --pid PID`,
      matrix: 'on this machine, where its kernel and rights allow, and in guests.',
    },
  };
}

const COMPILER_OPTIONS = {
  target: 'es2022',
  module: 'nodenext',
  moduleResolution: 'nodenext',
  lib: ['es2023'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  skipLibCheck: true,
  declaration: true,
  sourceMap: true,
  rootDir: 'src',
  outDir: 'dist',
};
