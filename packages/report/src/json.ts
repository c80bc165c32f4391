/** The report as JSON text: two spaces, one newline at the end, keys in the shape's order. */
import type { Report } from './report.js';

/** Writes the report as JSON. */
export function writeJson(report: Report): string {
  return `${JSON.stringify(report, undefined, 2)}\n`;
}
