/**
 * Markdown tables. The fact readers get wrong: a bar inside a cell ends it, so it is escaped.
 */

/** A table with aligned columns; every row has as many cells as the head. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const clean = rows.map(row => row.map(cell => cell.replaceAll('|', '\\|')));
  const widths = head.map((word, column) =>
    Math.max(3, word.length, ...clean.map(row => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...clean.map(line)].join('\n');
}
