/**
 * The map of compiled functions that a JIT in the target writes for perf: `/tmp/perf-PID.map`, by
 * the pid that the target itself sees, in the target's own file system. What a reader would get
 * wrong: anybody can write to /tmp, so a file counts only when it is a regular one (no link, no
 * pipe) and belongs to the target's user or to root, as perf itself demands.
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { PerfMap } from '@sonde/symbols';
import { readKeyed } from './proc.js';

/** Larger maps are read up to here; Node writes some 100 bytes for a function. */
const BYTES_MAX = 64 << 20;
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** Opens the map when it appears, keeps it open, and reads it again when it has grown. */
export class PerfMapFile {
  readonly #pid: number;
  readonly #path: string;
  readonly #openPath: string;
  #fd: number | undefined;
  #map: PerfMap | undefined;
  #readBytes = -1;
  #problem: string | undefined;

  /** Looks up the target's own pid; a target that is gone has no map. */
  constructor(pid: number) {
    this.#pid = pid;
    this.#path = `/tmp/perf-${ownPid(pid)}.map`;
    this.#openPath = `/proc/${pid}/root${this.#path}`;
  }

  /** Opens the file if it is there now; cheap, and worth calling while the target lives. */
  look(): void {
    if (this.#fd !== undefined) return;
    let fd: number;
    try {
      fd = openSync(this.#openPath, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ELOOP') this.#problem = 'it is a symbolic link';
      return; // most programs compile nothing while they run, and that is no error
    }
    try {
      this.#problem = refusal(fd, this.#pid);
    } catch {
      this.#problem = 'the target went away';
    }
    if (this.#problem === undefined) this.#fd = fd;
    else closeSync(fd);
  }

  /** The functions as of now; undefined where there is no map, or none that may be believed. */
  map(): PerfMap | undefined {
    this.look();
    if (this.#fd === undefined) return undefined;
    const { size } = fstatSync(this.#fd);
    if (size !== this.#readBytes) {
      const bytes = Buffer.alloc(Math.min(size, BYTES_MAX));
      let length = 0;
      for (let got = -1; got !== 0 && length < bytes.length; length += got) {
        got = readSync(this.#fd, bytes, length, bytes.length - length, length);
      }
      this.#map = new PerfMap(bytes.toString('utf8', 0, length));
      this.#readBytes = size;
    }
    return this.#map;
  }

  /** What a report must say of the map: why it, or lines of it, were refused. */
  notes(): readonly string[] {
    if (this.#problem !== undefined) return [`${this.#path} was not read: ${this.#problem}`];
    const map = this.#map;
    if (map === undefined) return [];
    const more = map.refusedCount - map.refused.length;
    return [
      ...(this.#readBytes > BYTES_MAX
        ? [`${this.#path} has ${this.#readBytes} bytes; only the first ${BYTES_MAX} were read`]
        : []),
      ...map.refused.map(why => `${this.#path}: ${why}`),
      ...(more > 0 ? [`${this.#path}: ${more} more lines were refused`] : []),
    ];
  }

  /** Closes the file; functions that were read stay. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** Why an opened file is not a map that the target wrote; undefined when it can be. */
function refusal(fd: number, pid: number): string | undefined {
  const stat = fstatSync(fd);
  if (!stat.isFile()) return 'it is no regular file';
  if (stat.uid === 0 || stat.uid === statSync(`/proc/${pid}`).uid) return undefined;
  return `it belongs to user ${stat.uid}, not to the target's`;
}

/** The pid by which the target knows itself: the last of NSpid. */
function ownPid(pid: number): number {
  try {
    const own = readKeyed(`/proc/${pid}/status`).get('NSpid')?.split(/\s+/).at(-1);
    return own === undefined ? pid : Number(own);
  } catch {
    return pid;
  }
}
