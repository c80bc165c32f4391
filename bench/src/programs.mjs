// @ts-check
/**
 * What the kernel counted for the BPF programs that this process holds: runs, and the time in them.
 * What a reader would get wrong: the kernel times programs only on request, which costs each run
 * about 50 ns, so that no other figure may be taken meanwhile.
 */
import { programStatistics } from '@sonde/core/libbpf';
import koffi from 'koffi';
import { closeSync, readdirSync, readlinkSync } from 'node:fs';

const libbpf = koffi.load('libbpf.so.1');
const enableStats = libbpf.func('int bpf_enable_stats(int type)');
const infoByFd = libbpf.func(
  'int bpf_obj_get_info_by_fd(int fd, _Inout_ uint8_t *info, _Inout_ uint32_t *bytes)',
);
const BPF_STATS_RUN_TIME = 0;
/** Of `struct bpf_prog_info` (linux/bpf.h): what lies before and in `name`. */
const INFO_BYTES = 80;
const NAME = 64;

/** Programs of this process by name; of several with one name the last. */
function programFds() {
  const info = new Uint8Array(INFO_BYTES);
  const bytes = new Uint32Array(1);
  /** @type {Map<string, number>} */
  const programs = new Map();
  for (const entry of readdirSync('/proc/self/fd')) {
    const fd = Number(entry);
    if (linkOf(fd) !== 'anon_inode:bpf-prog') continue;
    // What the kernel left there last time would ask for more of it.
    info.fill(0);
    bytes[0] = INFO_BYTES;
    if (infoByFd(fd, info, bytes) !== 0) continue;
    const name = Buffer.from(info.subarray(NAME)).toString();
    programs.set(name.slice(0, name.indexOf('\0')), fd);
  }
  return programs;
}

/** @param {number} fd */
function linkOf(fd) {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // the folder's own, closed by now
  }
}

/**
 * A program's statistics, or undefined once it is unloaded: those that try what the kernel can do
 * are, while others are timed.
 * @param {number} fd
 */
function statisticsOf(fd) {
  return linkOf(fd) === 'anon_inode:bpf-prog' ? programStatistics(fd) : undefined;
}

/**
 * Times the programs of this process in windows of `work`, and returns for each that ran the least
 * mean of a window in ns and the runs per window.
 * @param {number} windows
 * @param {() => Promise<unknown>} work
 */
export async function programTimes(windows, work) {
  const fds = programFds();
  /** @type {Map<string, { ns: number, runs: number }>} */
  const times = new Map();
  const statistics = enableStats(BPF_STATS_RUN_TIME);
  if (statistics < 0) throw new Error('enable BPF statistics: the kernel refused');
  try {
    for (let window = 0; window < windows; window++) {
      const before = new Map([...fds].map(([name, fd]) => [name, statisticsOf(fd)]));
      await work();
      for (const [name, fd] of fds) {
        const [was, is] = [before.get(name), statisticsOf(fd)];
        if (was === undefined || is === undefined) continue;
        const runs = Number(is.runCount - was.runCount);
        if (runs === 0) continue;
        const ns = Number(is.runTimeNs - was.runTimeNs) / runs;
        times.set(name, { ns: Math.min(ns, times.get(name)?.ns ?? Infinity), runs });
      }
    }
  } finally {
    closeSync(statistics);
  }
  return times;
}
