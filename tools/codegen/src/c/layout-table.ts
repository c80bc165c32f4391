/**
 * The table of bytes at the head of a generated header: every field and every padding of a struct,
 * in order, with the bytes (or bits) that it takes.
 */
import { snakeCase, type FieldIr, type StructIr } from '@sonde/core/schema';

/** Lines without comment marks; `typeText` says what stands in the last column. */
export function layoutTable(
  title: string,
  struct: StructIr,
  typeText: (field: FieldIr) => string,
): string[] {
  const rows = struct.fields.map(field => [
    placeText(field),
    field.padding ? '(padding)' : snakeCase(field.name),
    field.padding ? '' : typeText(field),
  ]);
  const widths = [0, 1].map(column => Math.max(6, ...rows.map(row => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd();
  return [
    `${title}: ${struct.sizeBytes} bytes, aligned to ${struct.alignBytes}`,
    line(['bytes', 'field', 'type']),
    ...rows.map(line),
  ];
}

/** `16..23`, `24`, `24 bit 3..7`, `56...` for a flexible array. */
function placeText(field: FieldIr): string {
  const first = field.offsetBytes;
  if (field.type.kind === 'flexible') return `${first}...`;
  const last = first + field.sizeBytes - 1;
  const bytes = last === first ? `${first}` : `${first}..${last}`;
  if (field.type.kind !== 'bits') return bytes;
  const bit = field.bitOffset ?? 0;
  const lastBit = bit + field.type.bits - 1;
  return `${bytes} bit ${bit === lastBit ? bit : `${bit}..${lastBit}`}`;
}
