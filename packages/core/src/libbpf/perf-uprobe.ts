/**
 * Uprobes through perf_event_open(2) for programs that no object holds: self tests and calibration.
 * The fact that is easy to get wrong: the event's pid selects an address space, so every thread of
 * that process hits the probe, and no other process does.
 */
import { readFileSync } from 'node:fs';
import { lastErrno, libc } from './library.js';
import { nativeString } from './memory.js';
import { closeFd, openPerfEvent, SystemCallError } from './syscalls.js';

const DEVICE = '/sys/bus/event_source/devices/uprobe';
/** PERF_EVENT_IOC_ENABLE and PERF_EVENT_IOC_SET_BPF (include/uapi/linux/perf_event.h). */
const IOC_ENABLE = 0x2400;
const IOC_SET_BPF = 0x40042408;

/** Where a bare program goes. */
export interface PerfUprobe {
  readonly programFd: number;
  readonly path: string;
  readonly fileOffset: number;
  readonly pid: number;
  readonly returns: boolean;
}

/**
 * Attaches and returns the event's descriptor; closing it detaches. Throws SystemCallError, or the
 * file error when the kernel has no uprobe events.
 */
export function openPerfUprobe(probe: PerfUprobe): number {
  const type = Number(readFileSync(`${DEVICE}/type`, 'utf8'));
  const returnBit = /config:(\d+)/.exec(readFileSync(`${DEVICE}/format/retprobe`, 'utf8'))?.[1];
  const path = nativeString(probe.path);
  let fd: number;
  try {
    fd = openPerfEvent({
      type,
      config: probe.returns ? 1n << BigInt(returnBit ?? 0) : 0n,
      config1: path.address,
      config2: BigInt(probe.fileOffset),
      pid: probe.pid,
      cpu: -1,
    });
  } finally {
    path.free();
  }
  for (const [request, argument] of [
    [IOC_SET_BPF, probe.programFd],
    [IOC_ENABLE, 0],
  ] as const) {
    if (Number(libc().ioctl(fd, request, argument)) < 0) {
      const errno = lastErrno();
      closeFd(fd);
      throw new SystemCallError('attach program to uprobe event', errno);
    }
  }
  return fd;
}
