/**
 * Lint rules: what the compiler does not see, and who may import whom. What a reader would get
 * wrong: the rules between rooms are not written here. They are printed from tools/tidy/rooms.json,
 * the table that tidy checks too, so that an editor shows them while typing.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const TESTS = ['**/*.test.ts', '**/*.test.mjs'];
const table = JSON.parse(readFileSync(new URL('tools/tidy/rooms.json', import.meta.url), 'utf8'));

/**
 * The projects a project's sources may depend on, by tag; its tests may use the kit of vm-tests.
 */
const PROJECTS = {
  'room:symbols': [],
  'room:core': ['room:symbols'],
  'room:probe': ['room:core'],
  'room:memory': ['room:core', 'room:symbols', 'room:probe'],
  'room:report': ['room:core', 'room:memory'],
  'room:cli': ['room:core', 'room:symbols', 'room:probe', 'room:memory', 'room:report'],
  'room:tool': ['room:core', 'room:tool'],
  'room:vm': ['room:core', 'room:tool'],
  'room:watch': ['room:core', 'room:tool', 'room:vm'],
  'room:seeded': ['room:core', 'room:vm'],
};

/**
 * @param {readonly string[]} extra tags that every project may depend on here
 * @returns {import('eslint').Linter.RulesRecord}
 */
function boundaries(extra) {
  const depConstraints = Object.entries(PROJECTS).map(([sourceTag, tags]) => ({
    sourceTag,
    onlyDependOnLibsWithTags: [...tags, ...extra],
  }));
  return {
    '@nx/enforce-module-boundaries': [
      'error',
      // The plugin of tools/codegen loads before anything is built, and set-up before npm ci.
      { enforceBuildableLibDependency: false, allow: ['^.*/eslint.config.js$'], depConstraints },
    ],
  };
}

/** Turns `@sonde/core/*` into an expression for no-restricted-imports. */
function expression(pattern) {
  return pattern.replaceAll('/', '\\/').replace(/\*$/, '.*');
}

/** What sources of one package may import of ours, as a rule that names the right door. */
function packageRules([folder, { may, door }]) {
  const allowed = may.map(expression).join('|') || '(?!)';
  const regex = `^@sonde\\/(?!(?:${allowed.replaceAll('@sonde\\/', '')})$)`;
  return { folder, patterns: [{ regex, message: door }] };
}

/** The folders that lie in a package's src, so that a new room without a row is restricted too. */
function roomsOf(source) {
  return existsSync(source)
    ? readdirSync(source, { withFileTypes: true }).flatMap(e => (e.isDirectory() ? [e.name] : []))
    : [];
}

const packageConfigs = Object.entries(table.packages).map(packageRules);

/**
 * Rules between the rooms inside one package: each room's folder may name the allowed ones only.
 */
const roomConfigs = Object.entries(table.rooms).flatMap(([source, rooms]) =>
  Object.entries(rooms)
    .filter(([, may]) => !may.includes('*'))
    .map(([room, may]) => {
      const others = roomsOf(source).filter(name => name !== room && !may.includes(name));
      const patterns = others.map(other => ({
        regex: `^\\.\\..*\\/${other}\\/`,
        message: `${room} may import ${may.join(', ') || 'nothing of ours'}; see rooms.json`,
      }));
      const own = packageConfigs.find(config => source.startsWith(`${config.folder}/`));
      return {
        files: [`${source}/${room}/**/*.ts`],
        ignores: TESTS,
        rules: {
          'no-restricted-imports': ['error', { patterns: [...(own?.patterns ?? []), ...patterns] }],
        },
      };
    }),
);

export default tseslint.config(
  {
    ignores: [
      '**/dist/',
      '**/node_modules/',
      '**/out/',
      '.nx/',
      '**/.tap/',
      '**/gen/',
      'bench/results/',
    ],
  },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    // Schemas that only tests evaluate belong to no compilation.
    ignores: ['tools/codegen/corpus/**', 'bench/records/**'],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  // tap waits for the tests that a file starts; nobody awaits them.
  { files: TESTS, rules: { '@typescript-eslint/no-floating-promises': 'off' } },
  {
    files: ['**/*.ts', '**/*.mjs', '**/*.js'],
    plugins: { '@nx': nx },
    rules: {
      eqeqeq: 'error',
      'no-throw-literal': 'error',
      'prefer-const': 'error',
      // Colours of a terminal are control characters, and tests look for them.
      'no-control-regex': 'off',
      // The compiler answers these, with types.
      'no-undef': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  { files: ['packages/**/*.ts', 'tools/*/src/**/*.ts', 'vm-tests/**/*.ts'], rules: boundaries([]) },
  { files: TESTS, rules: boundaries(['room:vm', 'room:tool', 'room:core']) },
  ...packageConfigs.map(({ folder, patterns }) => ({
    files: [`${folder}/src/**/*.ts`],
    ignores: TESTS,
    rules: { 'no-restricted-imports': ['error', { patterns }] },
  })),
  ...roomConfigs,
);
