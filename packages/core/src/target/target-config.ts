/**
 * The values of `struct sonde_target` that follow from the target. What a reader would get wrong:
 * pids in BPF are global unless a namespace is named; a tracer outside the initial pid namespace
 * does not know the global number, so it names the target's namespace and its number in there.
 */
import { statSync } from 'node:fs';
import type { CallbackPlaces, GoProgram } from '@sonde/symbols';
import type { Module } from './modules.js';
import { readKeyed } from './proc.js';
import { runtimeFacts, specialisedBytes } from './runtime-facts.js';

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

/** What the live process and its file tell beyond the tables. */
export interface LiveFacts {
  /** Place of g relative to the thread pointer; undefined where it is not known. */
  readonly tlsGOffset: number | undefined;
  /** Where outer Go frames go on above a callback from C. */
  readonly callback: CallbackPlaces | undefined;
  /** Address of runtime.memstats in the running process. */
  readonly memstats: bigint | undefined;
}

/** Where outer Go frames go on above a callback from C; zeros where that is not known. */
function callbackFields({ callback }: LiveFacts, bias: bigint): TargetConfig {
  if (callback === undefined) {
    return { callbackPc: 0, callbackFrame: 0, switchStart: 0n, switchEnd: 0n };
  }
  const { pc, frame, within } = callback;
  return {
    callbackPc: pc,
    callbackFrame: frame,
    switchStart: BigInt(within.entry) + bias,
    switchEnd: BigInt(within.end) + bias,
  };
}

/** All fields that the target decides. `module` is the one that holds the Go program. */
export function targetConfig(
  pid: number,
  go: GoProgram,
  module: Module,
  live: LiveFacts,
): TargetConfig {
  const at = (field: string): number => go.offsets.need(field);
  const { text, etext } = go.pclntab.module;
  const numgc = go.offsets.get('mstats.numgc');
  const known = live.memstats !== undefined && numgc !== undefined;
  return {
    ...pidFilter(pid),
    goAbi: go.goAbi,
    tlsGOffset: BigInt(live.tlsGOffset ?? 0),
    hasTlsG: live.tlsGOffset === undefined ? 0 : 1,
    gM: at('g.m'),
    gGoid: at('g.goid'),
    gSchedSp: at('g.sched.sp'),
    gSchedBp: at('g.sched.bp'),
    gStackLo: at('g.stack.lo'),
    gStackHi: at('g.stack.hi'),
    mG0: at('m.g0'),
    mCurg: at('m.curg'),
    mNcgo: at('m.ncgo'),
    mNcgocall: go.offsets.get('m.ncgocall') ?? at('m.ncgo') - 8,
    mspanStartAddr: at('mspan.startAddr'),
    mspanNpages: at('mspan.npages'),
    mspanSpanclass: at('mspan.spanclass'),
    mspanElemsize: at('mspan.elemsize'),
    goTextStart: BigInt(text) + module.bias,
    goTextEnd: BigInt(etext) + module.bias,
    ...runtimeFacts(go),
    specialisedBytes: specialisedBytes(name => go.pclntab.functionNamed(name) !== undefined),
    numgc: known ? live.memstats! + BigInt(numgc) : 0n,
    ...callbackFields(live, module.bias),
  };
}
