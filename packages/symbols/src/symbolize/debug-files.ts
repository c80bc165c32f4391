/**
 * Separate debug files: by build ID, else by the name and checksum in `.gnu_debuglink`. What a
 * reader would get wrong: a file at the right path may belong to another build of the program, so
 * it counts only when its build ID, or its checksum, is the one that the program names.
 */
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import {
  type ByteReader,
  cStringOf,
  type ElfFile,
  type FileReader,
  FormatError,
  openElf,
  openFileReader,
  viewOf,
} from '../elf/index.js';
import type { SymbolSource } from './symbol-source.js';

/** Where debug files of one program are looked for. */
export interface DebugSearch {
  /** Root folders in their order: `/proc/PID/root` of the target, then `` for the host. */
  readonly roots: readonly string[];
  /** Path of the program or library as seen from those roots. */
  readonly path: string;
}

/** A debug file that belongs to the program, or why those that were there do not. */
export interface DebugFile {
  readonly elf: ElfFile | undefined;
  readonly source: SymbolSource;
  /** Path that was opened; empty where there is none. */
  readonly path: string;
  /** Releases the file; the names read before stay. */
  readonly close: () => void;
  /** Files that were there and were refused, each with its reason. */
  readonly refused: readonly string[];
}

const GLOBAL_FOLDER = '/usr/lib/debug';
const CHECK_BYTES = 1 << 20;

interface Candidate {
  readonly path: string;
  readonly source: SymbolSource;
  /** Why an opened file is not the program's; undefined when it is. */
  readonly problem: (file: ElfFile) => string | undefined;
}

/** The name and checksum in `.gnu_debuglink`: NUL-terminated, padded to four bytes, then a CRC. */
function debugLink(elf: ElfFile): { name: string; crc: number } | undefined {
  const section = elf.section('.gnu_debuglink');
  if (section === undefined) return undefined;
  const bytes = elf.sectionBytes(section);
  const name = basename(cStringOf(bytes, 0));
  const at = (bytes.indexOf(0) + 4) & ~3;
  if (name === '' || at <= 0 || at + 4 > bytes.byteLength) return undefined;
  return { name, crc: viewOf(bytes).getUint32(at, true) };
}

/** CRC-32 of a whole file, read piece by piece. */
function checksum(reader: ByteReader): number {
  let value = 0;
  for (let at = 0; at < reader.size; at += CHECK_BYTES) {
    value = crc32(reader.read(at, Math.min(CHECK_BYTES, reader.size - at)), value);
  }
  return value >>> 0;
}

function* candidates(elf: ElfFile, search: DebugSearch): Generator<Candidate> {
  const id = elf.buildId;
  if (id !== undefined && id.length > 4) {
    const file = `${GLOBAL_FOLDER}/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`;
    for (const root of search.roots) {
      yield {
        path: root + file,
        source: 'build ID debug file',
        problem: other => (other.buildId === id ? undefined : `its build ID is ${other.buildId}`),
      };
    }
  }
  const link = debugLink(elf);
  if (link === undefined) return;
  const folder = dirname(search.path);
  const folders = [folder, join(folder, '.debug'), join(GLOBAL_FOLDER, folder)];
  for (const root of search.roots) {
    for (const each of folders) {
      yield {
        path: root + join(each, link.name),
        source: 'debug link file',
        problem: other =>
          checksum(other.reader) === link.crc ? undefined : 'its checksum is another',
      };
    }
  }
}

/** Opens a file if it is there; undefined where it is not, or may not be read. */
function tryOpen(path: string): FileReader | undefined {
  try {
    return openFileReader(path);
  } catch {
    return undefined; // most programs have no debug file, and that is no error
  }
}

/** Finds the program's debug file. Never throws: a damaged one is refused with its reason. */
export function findDebugFile(elf: ElfFile, search: DebugSearch): DebugFile {
  const refused: string[] = [];
  for (const { path, source, problem } of candidates(elf, search)) {
    const reader = tryOpen(path);
    if (reader === undefined) continue;
    try {
      const file = openElf(reader);
      const why = file.arch === elf.arch ? problem(file) : `it is built for ${file.arch}`;
      if (why === undefined) {
        return { elf: file, source, path, close: () => reader.close(), refused };
      }
      refused.push(`${path}: ${why}`);
    } catch (error) {
      // A folder or a disk error at that path is as good as no debug file, but it is told.
      const cause = error instanceof FormatError ? error.message : (error as Error).message;
      refused.push(`${path}: ${cause}`);
    }
    reader.close();
  }
  return { elf: undefined, source: 'build ID debug file', path: '', close: () => {}, refused };
}
