/**
 * Finds where a declaration of an evaluated schema stands in its author's file. What a reader would
 * get wrong: evaluation forgets source text, so a path like `events.alloc.sizeBytes` is walked
 * again through the syntax tree, through constants and constructor calls; where it leads nowhere (a
 * value that was computed), the declaration around it is cited.
 */
import {
  Node,
  Project,
  SyntaxKind,
  type ArrayLiteralExpression,
  type ObjectLiteralElementLike,
  type ObjectLiteralExpression,
  type SourceFile,
} from 'ts-morph';
import { SchemaError, type SourceIndex, type SourcePosition } from '@sonde/core/schema';

/** Follows `as const`, `satisfies`, parentheses and constants to what an expression stands for. */
function unwrap(node: Node | undefined): Node | undefined {
  let at = node;
  for (let steps = 0; at !== undefined && steps < 32; steps += 1) {
    if (Node.isAsExpression(at) || Node.isSatisfiesExpression(at)) at = at.getExpression();
    else if (Node.isParenthesizedExpression(at)) at = at.getExpression();
    else if (Node.isIdentifier(at)) {
      const name = at.getText();
      at = at.getSourceFile().getVariableDeclaration(name)?.getInitializer();
    } else return at;
  }
  return at;
}

/** The object literal that holds a declaration's members: itself, or a call's last one. */
function membersOf(node: Node | undefined): ObjectLiteralExpression | undefined {
  const value = unwrap(node);
  if (Node.isObjectLiteralExpression(value)) return value;
  if (!Node.isCallExpression(value)) return undefined;
  const literals = value.getArguments().map(unwrap).filter(Node.isObjectLiteralExpression);
  return literals.find(literal => literal.getProperties().length > 0);
}

function initializerOf(member: ObjectLiteralElementLike): Node | undefined {
  if (Node.isPropertyAssignment(member)) return member.getInitializer();
  if (Node.isShorthandPropertyAssignment(member)) return member.getNameNode();
  return undefined;
}

function memberNamed(
  literal: ObjectLiteralExpression | undefined,
  name: string,
): ObjectLiteralElementLike | undefined {
  if (literal === undefined) return undefined;
  for (const member of literal.getProperties()) {
    if (Node.isSpreadAssignment(member)) {
      const spread = memberNamed(membersOf(member.getExpression()), name);
      if (spread !== undefined) return spread;
    } else if (member.getName().replace(/^['"]|['"]$/g, '') === name) return member;
  }
  return undefined;
}

/** A call in a list whose first argument is the text `name`: `point('malloc', …)`. */
function elementNamed(list: ArrayLiteralExpression, name: string): Node | undefined {
  return list.getElements().find(element => {
    const call = unwrap(element);
    if (!Node.isCallExpression(call)) return false;
    const first = call.getArguments()[0];
    return Node.isStringLiteral(first) && first.getLiteralValue() === name;
  });
}

/** Positions and doc comments of one schema file. */
export class SchemaSource implements SourceIndex {
  readonly #file: SourceFile;
  readonly #shownPath: string;
  readonly #found = new Map<string, Node | undefined>();

  /** `text` is the file's content, `shownPath` its repository-relative path. */
  constructor(text: string, shownPath: string) {
    const project = new Project({ useInMemoryFileSystem: true, skipLoadingLibFiles: true });
    this.#file = project.createSourceFile('schema.ts', text);
    this.#shownPath = shownPath;
  }

  /** The line of the declaration at `path`; undefined where the source does not show it. */
  position(path: string): SourcePosition | undefined {
    const node = path === '' ? this.#root() : this.#declaration(path);
    if (node === undefined) return undefined;
    return { file: this.#shownPath, line: node.getStartLineNumber() };
  }

  /** The author's doc comment above the declaration at `path`, on one line. */
  doc(path: string): string | undefined {
    const node = this.#declaration(path);
    const comments = node?.getLeadingCommentRanges() ?? [];
    const text = comments.at(-1)?.getText();
    if (text === undefined || !text.startsWith('/**')) return undefined;
    const lines = text.slice(3, -2).split('\n');
    return lines
      .map(line => line.replace(/^\s*\*? ?/, '').trim())
      .filter(Boolean)
      .join(' ');
  }

  /** Throws a SchemaError for the first object literal that names a member twice. */
  refuseDuplicates(): void {
    for (const literal of this.#file.getDescendantsOfKind(SyntaxKind.ObjectLiteralExpression)) {
      const seen = new Map<string, number>();
      for (const member of literal.getProperties()) {
        if (Node.isSpreadAssignment(member)) continue;
        const name = member.getName();
        const line = member.getStartLineNumber();
        const first = seen.get(name);
        if (first !== undefined) {
          const position = { file: this.#shownPath, line };
          const reason = `name "${name}" is declared twice: first in line ${first}`;
          throw new SchemaError(name, reason, undefined, position);
        }
        seen.set(name, line);
      }
    }
  }

  #root(): Node | undefined {
    const exported = this.#file.getExportAssignment(found => !found.isExportEquals());
    return unwrap(exported?.getExpression());
  }

  #declaration(path: string): Node | undefined {
    if (!this.#found.has(path)) this.#found.set(path, this.#walk(path.split('.')));
    return this.#found.get(path);
  }

  #walk(words: readonly string[]): Node | undefined {
    let at: Node | undefined = this.#root();
    for (const word of words) {
      const value: Node | undefined =
        Node.isPropertyAssignment(at) || Node.isShorthandPropertyAssignment(at)
          ? initializerOf(at)
          : at;
      const list = unwrap(value);
      if (Node.isArrayLiteralExpression(list)) at = elementNamed(list, word);
      else at = this.#member(value, word);
      if (at === undefined) return undefined;
    }
    return at;
  }

  /** A member of a declaration; a union's variants stand one literal deeper. */
  #member(value: Node | undefined, word: string): Node | undefined {
    const members = membersOf(value);
    const found = memberNamed(members, word);
    if (found !== undefined) return found;
    const variants = memberNamed(members, 'variants');
    return variants === undefined
      ? undefined
      : memberNamed(membersOf(initializerOf(variants)), word);
  }
}
