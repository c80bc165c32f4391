/**
 * Whether a process can be traced, and if not, why, in one line. What a reader would get wrong:
 * the checks run from the cheapest to the dearest, and each failure says the next step; a program
 * that is Go but of a release without tables is a missing feature, not the user's mistake.
 */
import { readlinkSync } from 'node:fs';
import {
  type Arch,
  confirmProgram,
  type ElfFile,
  type ElfIdent,
  ELFCLASS64,
  FormatError,
  type GoProgram,
  isGoProgram,
  openGoProgram,
  openFileReader,
  readElfIdent,
  UnknownReleaseError,
} from '@sonde/symbols';
import { UnsupportedError, UsageError } from '../errors.js';
import { isSystemError } from './modules.js';
import { type ProcStat, readKeyed, readStat } from './proc.js';

/** The architecture of this machine; undefined for one that Sonde has no BPF code for. */
export function hostArch(): Arch | undefined {
  return process.arch === 'x64' ? 'x86_64' : process.arch === 'arm64' ? 'arm64' : undefined;
}

function refuse(pid: number, cause: string, hint: string, error?: unknown): UsageError {
  return new UsageError(`open target ${pid}: ${cause}`, { hint, cause: error });
}

/** The rights that reading another process's memory needs; root in a container may lack them. */
const RIGHTS_HINT =
  process.geteuid?.() === 0
    ? 'root lacks CAP_SYS_PTRACE for it here: run outside of the container, or grant it'
    : 'run as root: sudo sonde …';

/** Refuses pids that are no live user process. Returns what /proc says of it. */
export function checkProcess(pid: number): ProcStat {
  if (!Number.isInteger(pid) || pid <= 0) {
    throw refuse(pid, 'not a process id', 'give the number that ps or pgrep prints');
  }
  let stat: ProcStat;
  try {
    stat = readStat(pid);
  } catch (error) {
    throw refuse(pid, 'no such process', 'find it with: pgrep -a NAME', error);
  }
  if (stat.kernelThread) {
    throw refuse(pid, 'it is a kernel thread', 'give the pid of a Go program');
  }
  if (stat.state === 'Z' || stat.state === 'X') {
    throw refuse(pid, 'the process has exited', 'its parent has not collected it yet');
  }
  const tgid = Number(readKeyed(`/proc/${pid}/status`).get('Tgid') ?? pid);
  if (tgid !== pid) {
    throw refuse(pid, `it is a thread of process ${tgid}`, `use --pid ${tgid}`);
  }
  return stat;
}

/** The path of the main program as the target sees it. */
export function checkExecutable(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch (error) {
    const code = isSystemError(error) ? error.code : undefined;
    if (code === 'EACCES' || code === 'EPERM') {
      throw refuse(pid, 'no right to read the process', RIGHTS_HINT, error);
    }
    throw refuse(pid, 'the process has exited', 'start it again and trace it while it runs', error);
  }
}

/** Why a program of this kind cannot be traced on a host, as [cause, hint]; undefined if it can. */
export function architectureProblem(
  ident: ElfIdent,
  host: Arch | undefined,
): readonly [string, string] | undefined {
  if (ident.class !== ELFCLASS64) {
    return ['is a 32-bit program', 'only 64-bit programs can be traced'];
  }
  if (ident.arch !== undefined && ident.arch === host) return undefined;
  const found = ident.arch ?? `ELF machine ${ident.machine}`;
  const here = host ?? process.arch;
  return [
    `is built for ${found}, this machine is ${here}`,
    'trace it on a machine of its own kind',
  ];
}

/** Refuses programs of another word size or architecture, by the file's first bytes. */
export function checkArchitecture(pid: number, exe: string): void {
  let reader;
  try {
    reader = openFileReader(`/proc/${pid}/exe`);
  } catch (error) {
    throw refuse(pid, `${exe} cannot be read`, RIGHTS_HINT, error);
  }
  try {
    const problem = architectureProblem(readElfIdent(reader), hostArch());
    if (problem !== undefined) throw refuse(pid, `${exe} ${problem[0]}`, problem[1]);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw refuse(pid, `${exe} is not an ELF program`, 'give the pid of a Go program', error);
  } finally {
    reader.close();
  }
}

/** Whether a mapped file is a Go program or library; a file that cannot be read is none. */
export function holdsGo(elf: ElfFile): boolean {
  try {
    return isGoProgram(elf);
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

function withoutTables(pid: number, exe: string, error: UnknownReleaseError): UnsupportedError {
  const about = { feature: 'go release tables', since: '' };
  const options = { hint: error.hint, cause: error };
  return new UnsupportedError(`open target ${pid}: ${error.message} (${exe})`, about, options);
}

/**
 * The same program, its offsets confirmed by its code where no table is of its release. Throws
 * UnsupportedError where nothing gives them.
 */
export async function confirmGoProgram(
  pid: number,
  exe: string,
  go: GoProgram,
): Promise<GoProgram> {
  const confirmed = await confirmProgram(go);
  const problem = confirmed.offsetsProblem;
  if (problem !== undefined) throw withoutTables(pid, exe, problem);
  return confirmed;
}

/** Reads the Go side of the main program, or says why it cannot be used. */
export function checkGoProgram(pid: number, exe: string, elf: ElfFile): GoProgram {
  try {
    if (!isGoProgram(elf)) {
      throw refuse(
        pid,
        `${exe} is not a Go program`,
        'give the pid of a program built by go build',
      );
    }
    return openGoProgram(elf);
  } catch (error) {
    if (error instanceof UnknownReleaseError) throw withoutTables(pid, exe, error);
    if (!(error instanceof FormatError)) throw error;
    const hint = 'the program is packed, damaged, or of a Go release without tables';
    throw refuse(pid, `${exe} cannot be read as a Go program: ${error.message}`, hint, error);
  }
}

/** The error for memory that may not be opened. */
export function noMemoryRights(pid: number, error: unknown): UsageError {
  return refuse(pid, 'no right to read its memory', RIGHTS_HINT, error);
}

/** The error for a process that went away while it was being opened. */
export function exitedMeanwhile(pid: number, error?: unknown): UsageError {
  const hint = 'start it again and trace it while it runs';
  return refuse(pid, 'the process has exited', hint, error);
}
