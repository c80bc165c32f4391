/**
 * Every file opens with a comment, and every export has a docstring that says something.
 * What a reader would get wrong: a docstring made of the name's own words ("The page count." on
 * `pageCount`) is as missing as none at all.
 */
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

/** Words that carry nothing by themselves. */
const EMPTY_WORDS = new Set(
  'a an and as by for from in into is it its of on or the this that to with returns return'.split(
    ' ',
  ),
);

function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(word => word !== '');
}

/** A word and its plural or verb form count as one. */
function stem(word: string): string {
  return word.replace(/(?:ies|es|s|ed|ing)$/, '').replace(/y$/, '');
}

/** Whether a docstring holds at least two words that its name does not. */
function saysMore(name: string, text: string): boolean {
  const known = new Set(wordsOf(name).map(stem));
  const fresh = wordsOf(text).filter(word => !EMPTY_WORDS.has(word) && !known.has(stem(word)));
  return new Set(fresh).size >= 2;
}

/** Whether a comment is the file's own: the first thing in it, and apart from what follows. */
function isFileHead(doc: ts.JSDoc): boolean {
  const { text } = doc.getSourceFile();
  return text.slice(0, doc.pos).trim() === '' && /^\r?\n\r?\n/.test(text.slice(doc.end));
}

/** The text of the JSDoc comments of a node, tags included where nothing else is said. */
function docText(node: ts.Node): string | undefined {
  const docs = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const last = docs.at(-1);
  if (last === undefined || isFileHead(last)) return undefined;
  const text = ts.getTextOfJSDocComment(last.comment) ?? '';
  const tags = (last.tags ?? []).map(tag => ts.getTextOfJSDocComment(tag.comment) ?? '');
  return [text, ...tags].join(' ');
}

function isExported(node: ts.Statement): boolean {
  return (
    ts.canHaveModifiers(node) &&
    (ts.getModifiers(node) ?? []).some(m => m.kind === ts.SyntaxKind.ExportKeyword)
  );
}

/** The names a statement declares, each with the node that carries its docstring. */
function declared(statement: ts.Statement, tree: ts.SourceFile): [string, ts.Node][] {
  if (ts.isVariableStatement(statement)) {
    const [first] = statement.declarationList.declarations;
    return first === undefined ? [] : [[first.name.getText(tree), statement]];
  }
  const named =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement) ||
    ts.isEnumDeclaration(statement);
  return named ? [[statement.name?.text ?? 'default', statement]] : [];
}

function exportsWithoutDoc(file: SourceFile): Finding[] {
  const tree = syntaxTree(file);
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const statement of tree.statements.filter(isExported)) {
    for (const [name, node] of declared(statement, tree)) {
      // Overloads share the docstring of the first.
      if (seen.has(name)) continue;
      seen.add(name);
      const text = docText(node);
      const line = lineOf(tree, node);
      if (text === undefined) findings.push(finding(file, line, `export ${name}: no docstring`));
      else if (!saysMore(name, text)) {
        findings.push(finding(file, line, `export ${name}: its docstring only repeats the name`));
      }
    }
  }
  return findings;
}

const head = '/** Reads pages from a file that may shrink. */\n';

/** Refuses exports without a docstring, and docstrings that repeat the name. */
export const docstrings: Check = {
  name: 'docstrings',
  examples: [
    {
      path: 'a.ts',
      text: `${head}\n/** How many pages lie in memory now. */\nexport const a = 1;\n`,
    },
    { path: 'a.ts', text: `${head}\nexport const a = 1;\n`, line: 3 },
    { path: 'a.ts', text: `/** The page count. */\nexport function pageCount() {}\n`, line: 2 },
    {
      path: 'a.ts',
      text: `/** Returns the pages' counts. */\nexport function pageCount() {}\n`,
      line: 2,
    },
    { path: 'a.ts', text: 'export { a } from "./b.js";\nconst b = 1;\n' },
    { path: 'a.test.ts', text: 'export const a = 1;\n' },
    {
      path: 'a.mjs',
      text: '/** @returns {string} the folder in which caches lie */\nexport const a = () => "";\n',
    },
  ],
  find(file) {
    return isScript(file) && !file.generated && !file.path.includes('.test.')
      ? exportsWithoutDoc(file)
      : [];
  },
};

const COMMENT = /^(?:#![^\n]*\n)?(?:\/\/ @ts-check\n)?(?:\/\/ SPDX[^\n]*\n)?\s*(?:\/\*|\/\/|#)/;

/** Refuses files of code that do not say at their head what they are for. */
export const headComments: Check = {
  name: 'head-comments',
  examples: [
    { path: 'a.ts', text: '/** Reads pages. */\nimport a from "a";\n' },
    { path: 'a.mjs', text: '#!/usr/bin/env node\n/** Reads pages. */\n' },
    { path: 'a.bpf.c', text: '// SPDX-License-Identifier: GPL-2.0-only\n/* Sees faults. */\n' },
    { path: 'a.bpf.c', text: '#include <a.h>\n', line: 1 },
    { path: 'a.ts', text: 'import a from "a";\n', line: 1 },
  ],
  find(file) {
    const code = isScript(file) || file.language === 'c';
    if (!code || file.generated) return [];
    const commented = COMMENT.test(file.text) && !/^\s*#(?!!)/.test(file.text);
    return commented ? [] : [finding(file, 1, 'no head comment: say what this file does')];
  },
};
