/**
 * Comments of the generated C: wrapped to the house width and citing the author's line. What a
 * reader would get wrong: a field cites only the file's base name, its struct the whole path.
 */
import { posix } from 'node:path';
import type { SourcePosition } from '@sonde/core/schema';

const WIDTH = 100;

/** Splits a sentence into lines that fit `width` columns; a longer word keeps its own line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines;
}

/** A block comment above a declaration, one line where it fits; `indent` is tabs of width 8. */
export function blockComment(text: string, indent = ''): string {
  const room = WIDTH - indent.length * 8;
  const lines = text.split('\n').flatMap(line => wrap(line, room - 6));
  if (lines.length === 1) return `${indent}/* ${lines[0] ?? ''} */`;
  const rest = lines.map(line => `\n${indent} * ${line}`);
  return `${indent}/*${rest.join('')}\n${indent} */`;
}

/** Lines of an enum: `NAME = 1, /* sentence *\/`, the sentence above where it does not fit. */
export function enumeratorLines(name: string, value: number, about: string): string {
  const line = `\t${name} = ${value},`;
  if (line.length + 7 + about.length + 7 <= WIDTH) return `${line} /* ${about} */`;
  return `${blockComment(about, '\t')}\n${line}`;
}

/** What stands above a struct, map or enum: its sentence, the author's comment, path and line. */
export function declarationComment(declared: {
  readonly about: string;
  readonly doc?: string;
  readonly source?: SourcePosition;
}): string {
  const { about, doc, source } = declared;
  const cited = source === undefined ? '' : `${source.file}:${source.line}`;
  return blockComment([about, doc ?? '', cited].filter(Boolean).join('\n'));
}

/** What stands above a field: its sentence, the author's comment, base name and line. */
export function fieldComment(
  field: { readonly about: string; readonly doc?: string; readonly source?: SourcePosition },
  indent = '\t',
): string {
  const { about, doc, source } = field;
  const cited =
    source === undefined ? about : `${about} (${posix.basename(source.file)}:${source.line})`;
  return blockComment([cited, doc ?? ''].filter(Boolean).join('\n'), indent);
}
