/**
 * System calls that libbpf 1.1 does not wrap as needed: bpf(2) for uprobe_multi links, statistics
 * and small programs, perf_event_open(2), setrlimit(2). The fact that is easy to get wrong: glibc's
 * `syscall` returns -1 and sets errno, while libbpf's functions return the negative errno.
 */
import { errnoText, lastErrno, libc, type NativeFunction } from './library.js';
import { NativeMemory, nativeString } from './memory.js';

/** A refused system call: `errno` is positive, the message carries its text. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';

  constructor(
    readonly operation: string,
    readonly errno: number,
  ) {
    super(`${operation}: ${errnoText(errno)}`);
  }
}

/** errno values that callers tell apart (asm-generic/errno-base.h and errno.h). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  E2BIG: 7,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  ENODEV: 19,
  EINVAL: 22,
  ENOSPC: 28,
  EOPNOTSUPP: 95,
  ENOTSUPP: 524,
} as const;

/** Numbers of `enum bpf_cmd` (include/uapi/linux/bpf.h). */
const BpfCommand = { PROG_LOAD: 5, OBJ_GET_INFO_BY_FD: 15, LINK_CREATE: 28, ENABLE_STATS: 32 };

/** System call numbers by Node's name of the architecture (asm/unistd_64.h, asm-generic). */
const SYSCALL_NUMBERS: Readonly<Record<string, { bpf: number; perfEventOpen: number }>> = {
  x64: { bpf: 321, perfEventOpen: 298 },
  arm64: { bpf: 280, perfEventOpen: 241 },
};

function numbers(): { bpf: number; perfEventOpen: number } {
  const found = SYSCALL_NUMBERS[process.arch];
  if (found === undefined) {
    throw new SystemCallError(`call bpf(2) on architecture ${process.arch}`, 38);
  }
  return found;
}

function bpf(operation: string, command: number, attr: NativeMemory): number {
  const call: NativeFunction = libc().syscallBpf;
  const result = Number(call(numbers().bpf, command, attr.address, attr.sizeBytes));
  if (result < 0) throw new SystemCallError(operation, lastErrno());
  return result;
}

/** `enum bpf_prog_type`, as far as it is used here. */
export const ProgramType = { KPROBE: 2, RAW_TRACEPOINT: 17, TRACING: 26 } as const;

/** `enum bpf_attach_type`: the value that makes a uprobe program one for uprobe_multi links. */
export const BPF_TRACE_UPROBE_MULTI = 48;

/** A program given as instructions, for self tests and calibration. */
export interface RawProgram {
  readonly name: string;
  readonly type: number;
  readonly expectedAttachType?: number;
  /** 8-byte instructions as in `struct bpf_insn`, already encoded. */
  readonly instructions: Uint8Array;
}

/**
 * Loads a program from bare instructions and returns its file descriptor, which the caller closes.
 * Throws SystemCallError; the licence is GPL.
 */
export function loadRawProgram(program: RawProgram): number {
  const code = new NativeMemory(program.instructions.length);
  code.bytes.set(program.instructions);
  const license = nativeString('GPL');
  const attr = new NativeMemory(120);
  try {
    attr.view.setUint32(0, program.type, true);
    attr.view.setUint32(4, program.instructions.length / 8, true);
    attr.view.setBigUint64(8, code.address, true);
    attr.view.setBigUint64(16, license.address, true);
    attr.bytes.set(Buffer.from(program.name.slice(0, 15), 'ascii'), 48);
    attr.view.setUint32(68, program.expectedAttachType ?? 0, true);
    return bpf(`load program ${program.name}`, BpfCommand.PROG_LOAD, attr);
  } finally {
    attr.free();
    license.free();
    code.free();
  }
}

/** What a uprobe_multi link is attached to: offsets into one file, one cookie for each. */
export interface UprobeMultiTarget {
  readonly programFd: number;
  readonly path: string;
  readonly fileOffsets: readonly number[];
  /** Empty, or as many as offsets. */
  readonly cookies: readonly bigint[];
  /** Process whose hits count, in our pid namespace; 0 for every process. */
  readonly pid: number;
  readonly returns: boolean;
}

/**
 * Creates a uprobe_multi link (kernel 6.6) and returns its file descriptor: closing it detaches.
 * The program must have been loaded with expected attach type {@link BPF_TRACE_UPROBE_MULTI}.
 * Throws SystemCallError; EINVAL from a kernel that does not know the link type.
 */
export function createUprobeMultiLink(target: UprobeMultiTarget): number {
  const count = target.fileOffsets.length;
  const path = nativeString(target.path);
  const offsets = new NativeMemory(8 * count);
  const cookies = new NativeMemory(8 * Math.max(count, 1));
  const attr = new NativeMemory(64);
  try {
    target.fileOffsets.forEach((offset, i) => {
      offsets.view.setBigUint64(8 * i, BigInt(offset), true);
    });
    target.cookies.forEach((cookie, i) => {
      cookies.view.setBigUint64(8 * i, cookie, true);
    });
    // struct link_create in union bpf_attr: prog_fd, target_fd, attach_type, flags, then the
    // uprobe_multi member: path, offsets, ref_ctr_offsets, cookies (u64 each), cnt, flags, pid.
    attr.view.setUint32(0, target.programFd, true);
    attr.view.setUint32(8, BPF_TRACE_UPROBE_MULTI, true);
    attr.view.setBigUint64(16, path.address, true);
    attr.view.setBigUint64(24, offsets.address, true);
    attr.view.setBigUint64(40, target.cookies.length === 0 ? 0n : cookies.address, true);
    attr.view.setUint32(48, count, true);
    attr.view.setUint32(52, target.returns ? 1 : 0, true);
    attr.view.setUint32(56, target.pid, true);
    return bpf(`attach uprobe_multi to ${target.path}`, BpfCommand.LINK_CREATE, attr);
  } finally {
    attr.free();
    cookies.free();
    offsets.free();
    path.free();
  }
}

/** Attaches a program to a perf event as a link (5.15); returns the link's descriptor. */
export function createPerfLink(programFd: number, perfFd: number, cookie: bigint): number {
  const attr = new NativeMemory(64);
  try {
    attr.view.setUint32(0, programFd, true);
    attr.view.setUint32(4, perfFd, true);
    attr.view.setUint32(8, 41, true); // BPF_PERF_EVENT
    attr.view.setBigUint64(16, cookie, true);
    return bpf('attach program to perf event', BpfCommand.LINK_CREATE, attr);
  } finally {
    attr.free();
  }
}

/** What the kernel counted for one program; run time only while statistics are enabled. */
export interface ProgramStatistics {
  readonly id: number;
  readonly runTimeNs: bigint;
  readonly runCount: bigint;
  /** Runs that were skipped because the program was already running there (5.12, else 0). */
  readonly recursionMisses: bigint;
  /** Instructions that the verifier went through (5.16, else 0). */
  readonly verifiedInstructions: number;
}

/** Reads `struct bpf_prog_info` of a program's descriptor. Throws SystemCallError. */
export function programStatistics(programFd: number): ProgramStatistics {
  const info = new NativeMemory(232);
  const attr = new NativeMemory(16);
  try {
    attr.view.setUint32(0, programFd, true);
    attr.view.setUint32(4, info.sizeBytes, true);
    attr.view.setBigUint64(8, info.address, true);
    bpf('read program info', BpfCommand.OBJ_GET_INFO_BY_FD, attr);
    return {
      id: info.view.getUint32(4, true),
      runTimeNs: info.view.getBigUint64(192, true),
      runCount: info.view.getBigUint64(200, true),
      recursionMisses: info.view.getBigUint64(208, true),
      verifiedInstructions: info.view.getUint32(216, true),
    };
  } finally {
    attr.free();
    info.free();
  }
}

/** Turns on run-time statistics of all BPF programs until the returned descriptor is closed. */
export function enableStatistics(): number {
  const attr = new NativeMemory(8);
  try {
    return bpf('enable BPF statistics', BpfCommand.ENABLE_STATS, attr);
  } finally {
    attr.free();
  }
}

/** The fields of `struct perf_event_attr` that tracing sets. */
export interface PerfEvent {
  readonly type: number;
  readonly config: bigint;
  readonly config1?: bigint;
  readonly config2?: bigint;
  readonly samplePeriod?: bigint;
  readonly pid: number;
  readonly cpu: number;
}

const PERF_FLAG_FD_CLOEXEC = 8;

/** perf_event_open(2), close-on-exec, counting from the start. Throws SystemCallError. */
export function openPerfEvent(event: PerfEvent): number {
  const attr = new NativeMemory(112); // PERF_ATTR_SIZE_VER5, kernel 4.1
  try {
    attr.view.setUint32(0, event.type, true);
    attr.view.setUint32(4, attr.sizeBytes, true);
    attr.view.setBigUint64(8, event.config, true);
    attr.view.setBigUint64(16, event.samplePeriod ?? 0n, true);
    attr.view.setBigUint64(56, event.config1 ?? 0n, true);
    attr.view.setBigUint64(64, event.config2 ?? 0n, true);
    const call: NativeFunction = libc().syscallPerf;
    const number = numbers().perfEventOpen;
    const fd = Number(call(number, attr.address, event.pid, event.cpu, -1, PERF_FLAG_FD_CLOEXEC));
    if (fd < 0) throw new SystemCallError('open perf event', lastErrno());
    return fd;
  } finally {
    attr.free();
  }
}

/** Closes a descriptor. Errors are ignored: after close(2) it is gone whatever was returned. */
export function closeFd(fd: number): void {
  libc().close(fd);
}

/**
 * Closes a descriptor on a thread of libuv's pool: the last reference to a uprobe waits for RCU
 * (tens to hundreds of ms), which must not stop the event loop.
 */
export function closeFdAsync(fd: number): Promise<void> {
  return new Promise(resolve => {
    (libc().close as unknown as AsyncCall).async(fd, () => resolve());
  });
}

/** A koffi function called on the pool: the arguments, then `(error, result)`. */
export interface AsyncCall {
  async(...args: readonly unknown[]): void;
}

/** A file in memory, close-on-exec. Returns its descriptor; throws SystemCallError. */
export function createMemoryFile(name: string): number {
  const fd = Number(libc().memfd_create(name, 1));
  if (fd < 0) throw new SystemCallError('create memory file', lastErrno());
  return fd;
}

/**
 * Lifts RLIMIT_MEMLOCK, which kernels before 5.11 charge BPF maps to. Returns whether it worked:
 * without CAP_SYS_RESOURCE it does not, and on 5.11 and later that costs nothing.
 */
export function liftMemlockLimit(): boolean {
  const unlimited = new BigUint64Array([0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn]);
  return Number(libc().setrlimit(8, unlimited)) === 0;
}
