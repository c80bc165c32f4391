/**
 * The files that a process has mapped with code in them, kept open so that names stay right after
 * the process exits or a file is replaced. What a reader would get wrong: paths in maps are those
 * of the target's mount namespace; they are opened through /proc/PID/root, and by their inode
 * where that path now leads to another file.
 */
import { readlinkSync, statSync } from 'node:fs';
import {
  type ElfFile,
  type FileReader,
  FormatError,
  openElf,
  openFileReader,
  PF_X,
  PT_LOAD,
} from '@sonde/symbols';
import { type MapEntry, readMaps } from './proc.js';

/** One mapped file with code. */
export interface Module {
  /** Path as the target sees it. */
  readonly path: string;
  /** Path by which this process can open the same file while the target lives. */
  readonly openPath: string;
  readonly inode: number;
  readonly device: string;
  /** Runtime address minus virtual address of the file. */
  readonly bias: bigint;
  /** Executable ranges, ascending. */
  readonly ranges: readonly { readonly start: bigint; readonly end: bigint }[];
  /** True for the main program. */
  readonly executable: boolean;
  /** The opened file; undefined where it is no ELF file that can be read. */
  readonly elf: ElfFile | undefined;
  readonly buildId: string | undefined;
  /**
   * What a reader of its names must know: that the file was deleted or replaced since it was
   * mapped, or could not be read; absent where its path leads to what is mapped.
   */
  readonly note?: string;
}

const DELETED = ' (deleted)';

/** A path that leads to the mapped file itself: by name while that is still the same inode. */
export function pathOfMapping(pid: number, entry: MapEntry): string {
  const byName = `/proc/${pid}/root${entry.path}`;
  if (inodeOf(byName) === entry.inode) return byName;
  // Gone or hidden: the mapping itself still leads to the file.
  return `/proc/${pid}/map_files/${entry.start.toString(16)}-${entry.end.toString(16)}`;
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

/** The path without the kernel's mark, and whether the mark means that the file is gone. */
function pathOf(pid: number, { path, inode }: MapEntry): { path: string; gone: boolean } {
  // A file may really be called so: then its name still leads to what is mapped.
  const marked = path.endsWith(DELETED) && inodeOf(`/proc/${pid}/root${path}`) !== inode;
  return { path: marked ? path.slice(0, -DELETED.length) : path, gone: marked };
}

/** What happened to a file since it was mapped, in a sentence for the report. */
function noteOf(
  pid: number,
  { path, gone }: { readonly path: string; readonly gone: boolean },
  failure: string | undefined,
): { readonly note?: string } {
  const there = gone && inodeOf(`/proc/${pid}/root${path}`) !== undefined;
  const what = there
    ? 'was replaced on disk since it was mapped'
    : 'was deleted since it was mapped';
  if (failure !== undefined) {
    const also = gone ? ` ${what}, and` : '';
    return { note: `${path}${also} could not be read (${failure}): its functions have no names` };
  }
  return gone ? { note: `${path} ${what}; names come from the mapped file` } : {};
}

/** Load bias from the executable segment that a mapping was made of. */
function biasOf(elf: ElfFile, entries: readonly MapEntry[]): bigint | undefined {
  for (const segment of elf.segments) {
    if (segment.type !== PT_LOAD || (segment.flags & PF_X) === 0) continue;
    for (const entry of entries) {
      const length = Number(entry.end - entry.start);
      if (segment.offset < entry.offset || segment.offset >= entry.offset + length) continue;
      return entry.start + BigInt(segment.offset - entry.offset) - BigInt(segment.address);
    }
  }
  return undefined;
}

/** All modules of one process, opened when first seen, never closed before {@link close}. */
export class ModuleTable {
  readonly #pid: number;
  readonly #open = new Map<string, { module: Module; reader: FileReader | undefined }>();
  #entries: readonly MapEntry[] = [];

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** The last snapshot of all mappings, in address order. */
  get entries(): readonly MapEntry[] {
    return this.#entries;
  }

  /** Every module seen so far, unmapped ones included, the main program first. */
  get modules(): readonly Module[] {
    const all = [...this.#open.values()].map(m => m.module);
    return all.sort((a, b) => Number(b.executable) - Number(a.executable));
  }

  /**
   * Takes a new snapshot and opens modules that were not there before. Returns false, and keeps
   * the last snapshot, when the process is gone.
   */
  refresh(): boolean {
    let entries: MapEntry[];
    let exe: string;
    try {
      entries = readMaps(this.#pid);
      exe = readlinkSync(`/proc/${this.#pid}/exe`);
    } catch {
      return false;
    }
    if (entries.length === 0) return false;
    this.#entries = entries;
    const groups = new Map<string, MapEntry[]>();
    for (const entry of entries) {
      if (!entry.executable || entry.inode === 0) continue;
      const key = `${entry.device}:${entry.inode}`;
      groups.set(key, [...(groups.get(key) ?? []), entry]);
    }
    for (const [key, group] of groups) {
      if (!this.#open.has(key)) this.#open.set(key, this.#openModule(group, exe));
    }
    return true;
  }

  /** The module whose code holds a runtime address, or undefined. */
  at(address: bigint): Module | undefined {
    for (const { module } of this.#open.values()) {
      if (module.ranges.some(r => address >= r.start && address < r.end)) return module;
    }
    return undefined;
  }

  /** Closes every file. */
  close(): void {
    for (const { reader } of this.#open.values()) reader?.close();
  }

  #openModule(
    group: readonly MapEntry[],
    exe: string,
  ): { module: Module; reader: FileReader | undefined } {
    const first = group[0]!;
    const executable = first.path === exe;
    const openPath = executable ? `/proc/${this.#pid}/exe` : pathOfMapping(this.#pid, first);
    const seen = pathOf(this.#pid, first);
    let failure: string | undefined;
    let reader: FileReader | undefined;
    let elf: ElfFile | undefined;
    try {
      reader = openFileReader(openPath);
      elf = openElf(reader);
    } catch (error) {
      // A mapped file that is not ELF, or that may not be opened, still has its place in stacks.
      if (!(error instanceof FormatError) && !isSystemError(error)) throw error;
      failure = error instanceof FormatError ? error.message : error.code;
    }
    const module: Module = {
      path: seen.path,
      openPath,
      inode: first.inode,
      device: first.device,
      bias: (elf && biasOf(elf, group)) ?? first.start - BigInt(first.offset),
      ranges: group.map(({ start, end }) => ({ start, end })),
      executable,
      elf,
      buildId: elf?.buildId,
      ...noteOf(this.#pid, seen, failure),
    };
    return { module, reader };
  }
}

/** True for errors of the system, which carry a code such as `ENOENT`. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string';
}
