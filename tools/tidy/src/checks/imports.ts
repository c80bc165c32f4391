/**
 * Who may import whom, between packages and between the rooms inside one, from
 * tools/tidy/rooms.json. What a reader would get wrong: tests are held to the table of packages
 * only in so far as no package imports vm-tests except its tests; inside their package they may
 * open every door.
 */
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import {
  finding,
  isScript,
  lineOf,
  syntaxTree,
  type Check,
  type Finding,
  type SourceFile,
} from '../source-file.js';

/** The table of rooms, as rooms.json holds it. `*` at the end of a name stands for anything. */
export interface Rooms {
  readonly packages: Readonly<Record<string, { may: readonly string[]; door: string }>>;
  readonly rooms: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** Modules at a package's root that all of its rooms may import. */
  readonly everywhere: readonly string[];
}

/** Reads the table that lies beside this package's sources; throws when it is no JSON. */
export function readRooms(): Rooms {
  const url = new URL('../../rooms.json', import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as Rooms;
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

function packageOf(rooms: Rooms, path: string): string | undefined {
  return Object.keys(rooms.packages).find(pattern => {
    const depth = pattern.split('/').length;
    return matches(pattern, path.split('/').slice(0, depth).join('/'));
  });
}

/** Resolves a relative import against the importing file; both are paths from the root. */
function resolve(from: string, specifier: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** Every module specifier of a file, `import()` and `export from` included. */
function specifiers(tree: ts.SourceFile): { name: string; node: ts.Node }[] {
  const found: { name: string; node: ts.Node }[] = [];
  const visit = (node: ts.Node): void => {
    const literal =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : undefined;
    if (literal !== undefined && ts.isStringLiteral(literal)) {
      found.push({ name: literal.text, node });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

function betweenPackages(rooms: Rooms, file: SourceFile, name: string): string | undefined {
  const own = packageOf(rooms, file.path);
  if (own === undefined || !name.startsWith('@sonde/')) return undefined;
  if (file.test) return undefined;
  const rule = rooms.packages[own];
  if (rule === undefined || rule.may.some(pattern => matches(pattern, name))) return undefined;
  return `${own} must not import ${name}: ${rule.door}`;
}

/**
 * The room of a path inside a package's src: a folder, or a file at its root without its ending.
 */
function roomOf(source: string, path: string): string {
  const inside = path.slice(source.length + 1);
  return (inside.split('/')[0] ?? '').replace(/\.(?:[jt]s)$/, '');
}

function betweenRooms(rooms: Rooms, file: SourceFile, name: string): string | undefined {
  if (!name.startsWith('.')) return undefined;
  const path = resolve(file.path, name);
  const own = packageOf(rooms, file.path);
  if (packageOf(rooms, path) !== own) {
    return `${name} leaves its package; import it by its name, such as @sonde/core/schema`;
  }
  const source = Object.keys(rooms.rooms).find(folder => file.path.startsWith(`${folder}/`));
  if (source === undefined || !path.startsWith(`${source}/`) || file.test) return undefined;
  const table = rooms.rooms[source] ?? {};
  const from = roomOf(source, file.path);
  const to = roomOf(source, path);
  const allowed = table[from];
  if (from === to || from === 'index' || rooms.everywhere.includes(to)) return undefined;
  if (to === 'testing') return 'sources never import testing; build the value here';
  if (allowed === undefined) return undefined;
  if (allowed.includes('*') || allowed.includes(to)) return undefined;
  const door = allowed.length === 0 ? 'nothing of ours' : allowed.join(', ');
  return `room ${from} must not import room ${to}: it may import ${door}`;
}

/** Builds the check over a table of rooms. */
export function importRules(rooms: Rooms): Check {
  return {
    name: 'import-rules',
    examples: [
      { path: 'packages/core/src/loader/a.ts', text: "import '../libbpf/bpf.js';\n" },
      { path: 'packages/core/src/libbpf/a.ts', text: "import '../loader/b.js';\n", line: 1 },
      { path: 'packages/core/src/libbpf/a.ts', text: "import '../errors.js';\n" },
      { path: 'packages/core/src/session.ts', text: "import './loader/open.js';\n" },
      { path: 'packages/core/src/loader/a.ts', text: "import '../testing/b.js';\n", line: 1 },
      { path: 'packages/core/src/loader/a.test.ts', text: "import '../testing/b.js';\n" },
      { path: 'packages/core/src/a.ts', text: "\nimport '@sonde/memory';\n", line: 2 },
      { path: 'packages/probe-x/src/a.ts', text: "import '@sonde/probe-y';\n", line: 1 },
      { path: 'packages/probe-x/src/a.kernel.test.ts', text: "import '@sonde/vm-tests/kit';\n" },
      { path: 'packages/report/src/a.ts', text: "export * from '@sonde/vm-tests';\n", line: 1 },
      { path: 'packages/cli/src/a.ts', text: "import '../../core/src/a.js';\n", line: 1 },
      { path: 'tools/codegen/src/a.ts', text: "await import('@sonde/core');\n", line: 1 },
    ],
    find(file) {
      if (!isScript(file) || file.generated) return [];
      const tree = syntaxTree(file);
      const findings: Finding[] = [];
      for (const { name, node } of specifiers(tree)) {
        const message = betweenPackages(rooms, file, name) ?? betweenRooms(rooms, file, name);
        if (message !== undefined) findings.push(finding(file, lineOf(tree, node), message));
      }
      return findings;
    },
  };
}
