/**
 * Opens a program's file for the commands that trace nothing, or says in one line why it cannot be
 * read. The fact a reader gets wrong: a C program is not refused here; who needs Go asks for it.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '@sonde/core';
import {
  type ElfFile,
  ELFCLASS64,
  ELFDATA2LSB,
  type FileReader,
  findPacker,
  FormatError,
  openElf,
  openFileReader,
  readElfIdent,
} from '@sonde/symbols';

/** An opened program; its reader must be closed. */
export interface ProgramFile {
  /** The path as it was given. */
  readonly path: string;
  readonly reader: FileReader;
  readonly elf: ElfFile;
}

const AN_ELF_FILE = 'give the path of a program or shared library for Linux';

function refuse(path: string, cause: string, hint: string, error?: unknown): UsageError {
  const options = error === undefined ? { hint } : { hint, cause: error };
  return new UsageError(`read ${path}: ${cause}`, options);
}

/** The refusal of a file whose bytes are not what they should be. */
export function damaged(path: string, error: FormatError): UsageError {
  const cause = `the file is damaged: ${error.message}`;
  return refuse(path, cause, 'copy or build it again; nothing can be said of it', error);
}

function openReader(path: string, cwd: string): FileReader {
  try {
    if (!statSync(resolve(cwd, path)).isFile()) {
      throw refuse(path, 'it is no regular file', AN_ELF_FILE);
    }
    return openFileReader(resolve(cwd, path));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const why: Readonly<Record<string, string>> = {
      ENOENT: 'there is no such file',
      EACCES: 'no right to read it',
    };
    throw refuse(path, why[code] ?? code, AN_ELF_FILE, error);
  }
}

function checkIdent(path: string, reader: FileReader): void {
  const ident = readElfIdent(reader);
  if (ident.class !== ELFCLASS64) {
    throw refuse(path, 'it is a 32-bit program', 'only 64-bit programs can be read');
  }
  if (ident.data !== ELFDATA2LSB || ident.arch === undefined) {
    const cause = `it is built for another machine (ELF machine ${ident.machine})`;
    throw refuse(path, cause, 'programs for x86_64 and arm64 can be read');
  }
  const packed = findPacker(reader);
  if (packed !== undefined) throw refuse(path, packed.what, packed.hint);
}

/**
 * Opens a program by path. Throws UsageError, with a hint, for everything but a complete 64-bit
 * little-endian ELF file of an architecture that Sonde reads.
 */
export function openProgram(path: string, cwd: string): ProgramFile {
  const reader = openReader(path, cwd);
  try {
    try {
      checkIdent(path, reader);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw refuse(path, 'it is not an ELF file', AN_ELF_FILE, error);
    }
    return { path, reader, elf: openElf(reader) };
  } catch (error) {
    reader.close();
    if (!(error instanceof FormatError)) throw error;
    throw damaged(path, error);
  }
}
