/**
 * `sonde tables`: the runtime offsets that Sonde knows, as JSON or as text. The fact a reader gets
 * wrong: a row named `1.24` holds from that release's first patch; a patch release has a row of
 * its own only where it moved a field.
 */
import { UsageError } from '@sonde/core';
import { type Arch, parseGoRelease, type TableRow, tableRows } from '@sonde/symbols';
import { EXIT } from './exit-codes.js';
import type { Surround } from './terminal.js';

/** Names of the architectures as Go spells them, which people type. */
export const GO_ARCH: Readonly<Record<Arch, string>> = { x86_64: 'amd64', arm64: 'arm64' };

/** What `sonde tables` was asked for. */
export interface TablesRequest {
  /** `1.24`, `1.24.6` or `go1.24.6`; undefined for all releases. */
  readonly go?: string;
  /** Undefined for both. */
  readonly arch?: 'amd64' | 'arm64';
  readonly json: boolean;
}

/** Prints tables. Throws UsageError for a release that there is no table of. */
export function listTables(request: TablesRequest, surround: Surround): number {
  const all = tableRows();
  const rows = selectRows(all, request.go).filter(
    row => request.arch === undefined || GO_ARCH[row.arch] === request.arch,
  );
  if (request.json) {
    const byKey = Object.fromEntries(rows.map(row => [keyOf(row), row.fields]));
    surround.out(`${JSON.stringify(byKey, undefined, 2)}\n`);
  } else if (request.go === undefined) surround.out(writeMoves(rows));
  else surround.out(writeRows(rows));
  return EXIT.done;
}

const keyOf = (row: TableRow): string => `${row.release}/${GO_ARCH[row.arch]}`;

/** All rows of a minor release, or per architecture the row in force for a patch release. */
function selectRows(all: readonly TableRow[], go: string | undefined): readonly TableRow[] {
  if (go === undefined) return all;
  const release = parseGoRelease(go.startsWith('go') ? go : `go${go}`);
  const hint = `there are tables for ${[...new Set(all.map(row => row.line))].join(', ')}`;
  if (release === undefined) {
    throw new UsageError(`read --go: "${go}" is not a Go release such as 1.21`, { hint });
  }
  const line = all.filter(row => row.line === release.line);
  if (line.length === 0) throw new UsageError(`read tables of go ${go}: there is none`, { hint });
  if (!/^(go)?1\.\d+\.\d+/.test(go)) return line;
  return (['x86_64', 'arm64'] as const).flatMap(arch => {
    const row = line.findLast(each => each.arch === arch && each.patch <= release.patch);
    return row === undefined ? [] : [row];
  });
}

/** Fields and offsets of a few rows, one column for each; ends with a newline. */
function writeRows(rows: readonly TableRow[]): string {
  const names = [...new Set(rows.flatMap(row => Object.keys(row.fields)))].sort();
  const columns = rows.map(keyOf);
  const first = Math.max(...names.map(name => name.length));
  const widths = columns.map(key => Math.max(key.length, 6));
  const lines = [
    ''.padEnd(first) + columns.map((key, at) => `  ${key.padStart(widths[at]!)}`).join(''),
  ];
  for (const name of names) {
    const cells = rows.map((row, at) => {
      const offset = row.fields[name];
      return `  ${(offset === undefined ? '-' : String(offset)).padStart(widths[at]!)}`;
    });
    lines.push(name.padEnd(first) + cells.join(''));
  }
  lines.push('', 'bytes from the start of the type; - where the release lacks the field');
  return `${lines.join('\n')}\n`;
}

/** What one field did over the releases, such as `152, 160 since 1.23, 152 since 1.25`. */
function historyOf(name: string, rows: readonly TableRow[]): { text: string; moved: boolean } {
  const steps: { release: string; offset: number | undefined }[] = [];
  for (const row of rows) {
    const offset = row.fields[name];
    if (steps.length === 0 || steps.at(-1)!.offset !== offset) {
      steps.push({ release: row.release, offset });
    }
  }
  const text = steps.map(({ release, offset }, index) => {
    const value = offset === undefined ? 'none' : String(offset);
    return index === 0 ? value : `${value} since ${release}`;
  });
  return { text: text.join(', '), moved: steps.length > 1 };
}

/** Which fields moved, and when; ends with a newline. */
function writeMoves(rows: readonly TableRow[]): string {
  const names = [...new Set(rows.flatMap(row => Object.keys(row.fields)))].sort();
  const arches = [...new Set(rows.map(row => row.arch))];
  const moved: [label: string, text: string][] = [];
  let still = 0;
  for (const name of names) {
    const histories = arches.map(arch =>
      historyOf(
        name,
        rows.filter(row => row.arch === arch),
      ),
    );
    if (histories.every(history => !history.moved)) still++;
    else if (histories.every(history => history.text === histories[0]!.text)) {
      moved.push([name, histories[0]!.text]);
    } else {
      for (const [at, arch] of arches.entries()) {
        moved.push([`${name} (${GO_ARCH[arch]})`, histories[at]!.text]);
      }
    }
  }
  const width = Math.max(...moved.map(([label]) => label.length), 0) + 2;
  const releases = [...new Set(rows.map(row => row.line))];
  const lines = [
    `Go ${releases[0]} to ${releases.at(-1)}: ${names.length} fields of the runtime, ` +
      `${names.length - still} moved, ${still} never did. Offsets in bytes.`,
    '',
    ...moved.map(([label, text]) => label.padEnd(width) + text),
    '',
    'sonde tables --go 1.24 prints all fields of a release; --json prints everything.',
  ];
  return `${lines.join('\n')}\n`;
}
