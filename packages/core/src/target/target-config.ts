/**
 * The values of `struct sonde_target` that follow from the target. What a reader would get wrong:
 * pids in BPF are global unless a namespace is named; a tracer outside the initial pid namespace
 * does not know the global number, so it names the target's namespace and its number in there.
 */
import { statSync } from 'node:fs';
import type { GoProgram, TlsG } from '@sonde/symbols';
import type { Module } from './modules.js';
import { readKeyed } from './proc.js';

/** PROC_PID_INIT_INO (include/linux/proc_ns.h): inode of the initial pid namespace. */
const INITIAL_PID_NAMESPACE = 0xeffffffcn;

/** A device number as the kernel holds it, from the one that stat(2) encodes. */
function kernelDevice(encoded: bigint): bigint {
  const major = (encoded >> 8n) & 0xfffn;
  const minor = (encoded & 0xffn) | ((encoded >> 12n) & 0xfff00n);
  return (major << 20n) | minor;
}

/** How BPF recognises the target. */
export interface PidFilter {
  readonly tgid: number;
  readonly pidnsDev: bigint;
  /** 0: `tgid` is the global one. */
  readonly pidnsIno: bigint;
}

/** The filter for a pid of this process's namespace. */
export function pidFilter(pid: number): PidFilter {
  const own = statSync('/proc/self/ns/pid', { bigint: true });
  if (own.ino === INITIAL_PID_NAMESPACE) return { tgid: pid, pidnsDev: 0n, pidnsIno: 0n };
  const namespace = statSync(`/proc/${pid}/ns/pid`, { bigint: true });
  // NSpid lists the pid in every namespace that this /proc can see, the target's own one last.
  const inner = readKeyed(`/proc/${pid}/status`).get('NSpid')?.split(/\s+/).at(-1);
  return {
    tgid: Number(inner ?? pid),
    pidnsDev: kernelDevice(namespace.dev),
    pidnsIno: namespace.ino,
  };
}

/** Fields of `sonde_target` by their name in the schema; the session adds its own. */
export type TargetConfig = Readonly<Record<string, number | bigint>>;

/** The value of spanAllocHeap in every release of the tables (runtime/mheap.go). */
const SPAN_ALLOC_HEAP = 0;

/** All fields that the target decides. */
export function targetConfig(
  pid: number,
  go: GoProgram,
  executable: Module,
  tlsG: TlsG | undefined,
): TargetConfig {
  const at = (field: string): number => go.offsets.need(field);
  const { text, etext } = go.pclntab.module;
  return {
    ...pidFilter(pid),
    goAbi: go.goAbi,
    tlsGOffset: BigInt(tlsG?.offset ?? 0),
    hasTlsG: tlsG === undefined ? 0 : 1,
    gM: at('g.m'),
    gGoid: at('g.goid'),
    gSchedSp: at('g.sched.sp'),
    gSchedBp: at('g.sched.bp'),
    gStackLo: at('g.stack.lo'),
    gStackHi: at('g.stack.hi'),
    mG0: at('m.g0'),
    mCurg: at('m.curg'),
    mNcgo: at('m.ncgo'),
    mspanStartAddr: at('mspan.startAddr'),
    mspanNpages: at('mspan.npages'),
    mspanSpanclass: at('mspan.spanclass'),
    mspanElemsize: at('mspan.elemsize'),
    goTextStart: BigInt(text) + executable.bias,
    goTextEnd: BigInt(etext) + executable.bias,
    freedSpanTypeHeap: SPAN_ALLOC_HEAP,
  };
}
