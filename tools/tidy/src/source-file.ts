/**
 * A file as the checks see it, and what a check is. What a reader would get wrong: a generated file
 * is known by its first line alone, wherever it lies; a file in a `gen` folder without that line is
 * held to every rule.
 */
import ts from 'typescript';

/** What a file is written in, as far as the checks care. */
export type Language = 'ts' | 'mjs' | 'c' | 'go' | 'shell' | 'other';

/** One file of the repository. */
export interface SourceFile {
  /** Path from the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly language: Language;
  /** Whether the first line says `@generated`. */
  readonly generated: boolean;
  /** Whether it is a test, a fixture of one, or part of a test kit. */
  readonly test: boolean;
}

/** One violation. `line` counts from 1. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** A file that shows a rule: `line` is where the finding stands, absent where there is none. */
export interface Example {
  readonly path: string;
  readonly text: string;
  readonly line?: number;
}

/** One rule of the house. */
export interface Check {
  readonly name: string;
  /** Files that pass (no `line`) and files that fail (at `line`); the tests run them all. */
  readonly examples: readonly Example[];
  find(file: SourceFile): Finding[];
}

const LANGUAGES: Readonly<Record<string, Language>> = {
  ts: 'ts',
  mts: 'ts',
  mjs: 'mjs',
  js: 'mjs',
  c: 'c',
  h: 'c',
  go: 'go',
  sh: 'shell',
};

/** Builds a {@link SourceFile} from a path and its text; costs one split of the text. */
export function sourceFile(path: string, text: string): SourceFile {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const extension = path.slice(path.lastIndexOf('.') + 1);
  return {
    path,
    text,
    lines,
    language: path === '.ci/run' ? 'shell' : (LANGUAGES[extension] ?? 'other'),
    generated: (lines[0] ?? '').includes('@generated'),
    test: /\.test\.(ts|mjs)$|\/(testing|fixtures|corpus)\//.test(path),
  };
}

/** Whether the TypeScript parser reads this file. */
export function isScript(file: SourceFile): boolean {
  return file.language === 'ts' || file.language === 'mjs';
}

const parsed = new WeakMap<SourceFile, ts.SourceFile>();

/**
 * Parses a script once, however many checks ask; never throws, a broken file gives a partial tree.
 */
export function syntaxTree(file: SourceFile): ts.SourceFile {
  let tree = parsed.get(file);
  if (tree === undefined) {
    const kind = file.language === 'ts' ? ts.ScriptKind.TS : ts.ScriptKind.JS;
    tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2023, true, kind);
    parsed.set(file, tree);
  }
  return tree;
}

/** The 1-based line on which a node begins, its comments not included. */
export function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
}

/** Makes a finding in a file. */
export function finding(file: SourceFile, line: number, message: string): Finding {
  return { path: file.path, line, message };
}
