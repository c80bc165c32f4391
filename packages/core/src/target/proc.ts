/**
 * Reads of /proc/PID, parsed. What a reader would get wrong: the second field of `stat` is the
 * program's name in parentheses and may itself hold spaces and parentheses, so fields are counted
 * from the last `)`.
 */
import { readFileSync } from 'node:fs';

/** USER_HZ: the unit of times in /proc/PID/stat on every architecture that Linux supports. */
const TICKS_PER_SECOND = 100;
const NS_PER_TICK = 1e9 / TICKS_PER_SECOND;
const PF_KTHREAD = 0x00200000;

/** What /proc/PID/stat says. */
export interface ProcStat {
  /** One letter: R, S, D, Z (zombie), X (dead), … */
  readonly state: string;
  readonly kernelThread: boolean;
  /** User and system time of the process and its threads, dead ones included. */
  readonly cpuNs: number;
  /** When it started, in nanoseconds since boot; tells two processes with one pid apart. */
  readonly startTimeNs: number;
}

/** Parses /proc/PID/stat. Throws the system's error (ENOENT, ESRCH) when the process is gone. */
export function readStat(pid: number): ProcStat {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // Fields are numbered as in proc(5); the first one here is field 3.
  const field = (n: number): string => fields[n - 3] ?? '';
  return {
    state: field(3),
    kernelThread: (Number(field(9)) & PF_KTHREAD) !== 0,
    cpuNs: (Number(field(14)) + Number(field(15))) * NS_PER_TICK,
    startTimeNs: Number(field(22)) * NS_PER_TICK,
  };
}

/** The `Name: value` lines of a file such as status or smaps_rollup, by name. */
export function readKeyed(path: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const line of readFileSync(path, 'latin1').split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) entries.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return entries;
}

/** A value such as `1234 kB` in bytes; 0 where it is absent. */
export function kilobytes(entries: ReadonlyMap<string, string>, name: string): number {
  return Number.parseInt(entries.get(name) ?? '0', 10) * 1024;
}

/** One line of /proc/PID/maps. */
export interface MapEntry {
  readonly start: bigint;
  readonly end: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
  /** Offset in the file of the first byte. */
  readonly offset: number;
  /** `major:minor` as the kernel prints it. */
  readonly device: string;
  readonly inode: number;
  /** Path in the target's mount namespace, `[heap]`, `[vdso]`, or empty for anonymous memory. */
  readonly path: string;
}

const MAP_LINE = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) (\S+) (\d+)\s*(.*)$/;

/** Parses the text of /proc/PID/maps; lines of another form are left out. */
export function parseMaps(text: string): MapEntry[] {
  return text.split('\n').flatMap(line => {
    const match = MAP_LINE.exec(line);
    if (match === null) return [];
    const [, start, end, perms, offset, device, inode, path] = match;
    return [
      {
        start: BigInt(`0x${start}`),
        end: BigInt(`0x${end}`),
        readable: perms![0] === 'r',
        writable: perms![1] === 'w',
        executable: perms![2] === 'x',
        offset: Number.parseInt(offset!, 16),
        device: device!,
        inode: Number(inode),
        // The kernel escapes a newline in a name; every other byte is printed as it is.
        path: path!.replaceAll('\\012', '\n'),
      },
    ];
  });
}

/** The mappings of a process, in address order. Throws the system's error when it is gone. */
export function readMaps(pid: number): MapEntry[] {
  return parseMaps(readFileSync(`/proc/${pid}/maps`, 'utf8'));
}

const AT_PAGESZ = 6;

/** The page size of this kernel in bytes, from this process's auxiliary vector. */
export function pageSize(): number {
  const bytes = readFileSync('/proc/self/auxv');
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    if (bytes.readUInt32LE(at) === AT_PAGESZ) return bytes.readUInt32LE(at + 8);
  }
  return 4096;
}
