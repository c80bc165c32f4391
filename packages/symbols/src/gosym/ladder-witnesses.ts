/**
 * The witnesses: runtime functions, and what each says of the fields that it uses. What a reader
 * would get wrong: a witness must say a displacement by a rule that does not know the expected
 * one, else it would confirm whatever it is asked.
 */
import type { Origin, Trace } from '../code/index.js';

/** Addresses of globals, as far as allocLarge passes them on. */
export interface Globals {
  readonly gcController: number | undefined;
}

/** The globals, by the traces of allocLarge. */
export function globalsOf(traces: readonly Trace[]): Globals {
  const argument = traces.find(t => t.callee === UPDATE)?.arguments?.[0];
  return { gcController: argument?.base === '' ? argument.offset : undefined };
}

/** A global struct has no more bytes than this; what lies beyond is another one. */
const GLOBAL_BYTES_MAX = 4096;

/** Displacement from a global. */
function inGlobal(address: number | undefined, global: number | undefined): number | undefined {
  if (address === undefined || global === undefined) return undefined;
  const displacement = address - global;
  return displacement >= 0 && displacement < GLOBAL_BYTES_MAX ? displacement : undefined;
}

/** A runtime function and what its code says: displacements in bytes by field. */
export interface Witness {
  readonly name: string;
  read(traces: readonly Trace[], globals: Globals): Readonly<Record<string, number | undefined>>;
}

const ACQUIRE = 'runtime.(*consistentHeapStats).acquire';
const UPDATE = 'runtime.(*gcControllerState).update';
const ADD = 'runtime.(*sysMemStat).add';
const PRINT = ['runtime.printuint', 'runtime.printint', 'runtime.printhex'];

/** Assembly of the runtime that keeps the registers which its callers go on using. */
export const TRANSPARENT: ReadonlySet<string> = new Set([
  'runtime.save_g',
  'runtime.load_g',
  'gosave_systemstack_switch',
  'runtime.gosave_systemstack_switch',
]);

/** Functions whose calls the witnesses look for. */
export const CALLEES: readonly string[] = [ACQUIRE, UPDATE, ADD, ...PRINT, ...TRANSPARENT];

/** The inside of `[base+offset]`: what was read to get this value. */
function readFrom(value: Origin | undefined): Origin | undefined {
  const match = value?.offset === 0 ? /^\[(.*)\+(\d+)\]$/.exec(value.base) : null;
  return match === null ? undefined : { base: match[1]!, offset: Number(match[2]) };
}

const writes = (traces: readonly Trace[], pointer: string): Trace[] =>
  traces.filter(t => t.kind === 'write' && t.pointer === pointer);
const reads = (traces: readonly Trace[], pointer: string, bytes: number): number[] =>
  traces
    .filter(t => t.kind === 'read' && t.pointer === pointer && t.bytes === bytes)
    .map(t => t.displacement!);
const displacementOf = (found: readonly Trace[], base: string): number | undefined =>
  found.find(t => t.value?.base === base && t.value.offset === 0)?.displacement;

/** A pointer that was reached as `[[g+m]+field]`, taken apart. */
function throughM(value: Origin | undefined): { m: number; field: number } | undefined {
  const field = readFrom(value);
  const m = readFrom(field && { base: field.base, offset: 0 });
  return field !== undefined && m?.base === 'g' ? { m: m.offset, field: field.offset } : undefined;
}

/** mcall saves sp, pc and frame of g and switches to g.m.g0 (asm_*.s). */
const mcall: Witness = {
  name: 'runtime.mcall',
  read(traces) {
    const saved = writes(traces, 'g');
    const next = throughM(traces.find(t => t.kind === 'goroutine')?.value);
    const stack = saved.find(t => t.value?.base === 'sp');
    return {
      'g.m': next?.m,
      'm.g0': next?.field,
      'g.sched.sp': stack?.displacement,
      'g.sched.pc': displacementOf(saved, 'return'),
      'g.sched.bp': displacementOf(saved, 'frame'),
    };
  },
};

/** systemstack compares g with m.gsignal, m.g0, m.curg and comes back to m.curg (asm_*.s). */
const systemstack: Witness = {
  name: 'runtime.systemstack',
  read(traces) {
    const loaded = traces.filter(t => t.kind === 'stack').map(t => readFrom(t.value));
    const stacks = loaded.filter(from => from !== undefined);
    const first = stacks[0];
    const over = throughM(first && { base: first.base, offset: 0 });
    const gsignal = over && reads(traces, `[g+${over.m}]`, 8).find(d => d !== over.field);
    // Back on the goroutine's stack: its g is m.curg of the m that g0 belongs to.
    const last = stacks.at(-1);
    const back = readFrom(last && { base: last.base, offset: 0 });
    const m = readFrom(back && { base: back.base, offset: 0 });
    return {
      'g.m': over?.m,
      'm.g0': over?.field,
      'm.curg':
        stacks.length > 1 && m !== undefined && m.offset === over?.m ? back?.offset : undefined,
      'm.gsignal': gsignal,
    };
  },
};

/** goroutineheader prints a goroutine's number, status and reason of waiting (traceback.go). */
const goroutineheader: Witness = {
  name: 'runtime.goroutineheader',
  read(traces) {
    const printed = traces.find(t => t.kind === 'call' && PRINT.includes(t.callee ?? ''));
    const goid = readFrom(printed?.arguments?.[0]);
    return {
      'g.goid': goid?.base === 'arg0' ? goid.offset : undefined,
      'g.atomicstatus': reads(traces, 'arg0', 4)[0],
      // A byte at 0 is read to see that the pointer is none, which the compiler does on arm64.
      'g.waitreason': reads(traces, 'arg0', 1).find(d => d > 0),
    };
  },
};

/** gfput gives a dead goroutine's stack back: it reads both ends of it (proc.go). */
const gfput: Witness = {
  name: 'runtime.gfput',
  read(traces) {
    const ends = [...new Set(reads(traces, 'arg1', 8))].slice(0, 2).sort((a, b) => a - b);
    return ends.length < 2 ? {} : { 'g.stack.lo': ends[0], 'g.stack.hi': ends[1] };
  },
};

/** minit stores the number of the thread (os_linux.go). */
const minit: Witness = {
  name: 'runtime.minit',
  read(traces) {
    const stored = traces.filter(
      t => t.kind === 'write' && /^\[g\+\d+\]$/.test(t.pointer ?? '') && t.bytes === 8,
    );
    return { 'm.procid': stored.at(-1)?.displacement };
  },
};

/** cgocall counts itself in m.ncgo and says in m.incgo that C runs (cgocall.go). */
const cgocall: Witness = {
  name: 'runtime.cgocall',
  read(traces) {
    const stored = traces.filter(t => t.kind === 'write' && /^\[g\+\d+\]$/.test(t.pointer ?? ''));
    return {
      'm.ncgo': stored.find(t => t.bytes === 4)?.displacement,
      'm.incgo': stored.find(t => t.bytes === 1)?.displacement,
    };
  },
};

/** (*mspan).init stores the span's base and pages, and makes its state dead (mheap.go). */
const initMspan: Witness = {
  name: 'runtime.(*mspan).init',
  read(traces) {
    const stored = writes(traces, 'arg0');
    return {
      'mspan.startAddr': displacementOf(stored, 'arg1'),
      'mspan.npages': displacementOf(stored, 'arg2'),
      'mspan.state': stored.find(t => t.atomic === true && t.bytes === 1)?.displacement,
    };
  },
};

/** initSpan(h, s, typ, spanclass, base, npages) makes a span one of a class (mheap.go). */
const initSpan: Witness = {
  name: 'runtime.(*mheap).initSpan',
  read(traces) {
    const stored = writes(traces, 'arg1');
    const pages = writes(traces, 'arg0').filter(t => t.atomic === true && t.bytes === 8);
    const one = stored.find(t => t.value?.base === '' && t.value.offset === 1 && t.bytes === 2);
    const bytes = stored.find(t => t.value?.base === '(arg5+0<<13)' && t.value.offset === 0);
    return {
      'mspan.spanclass': stored.find(t => t.value?.base === 'arg3' && t.bytes === 1)?.displacement,
      'mspan.elemsize': bytes?.displacement,
      'mspan.nelems': one?.displacement,
      'mspan.state': stored.find(t => t.atomic === true && t.bytes === 1)?.displacement,
      'mheap.pagesInUse': pages.find(t => t.displacement! > 4096)?.displacement,
    };
  },
};

/** tryAcquire(l, s) asks first for the span's sweep generation (mgcsweep.go). */
const tryAcquire: Witness = {
  name: 'runtime.(*sweepLocker).tryAcquire',
  read: traces => ({ 'mspan.sweepgen': reads(traces, 'arg1', 4)[0] }),
};

/** uncacheSpan asks first whether anything is allocated in the span (mcentral.go). */
const uncacheSpan: Witness = {
  name: 'runtime.(*mcentral).uncacheSpan',
  read: traces => ({ 'mspan.allocCount': reads(traces, 'arg1', 2)[0] }),
};

/** recordspan appends to the list of all spans: it reads its length and capacity (mheap.go). */
const recordspan: Witness = {
  name: 'runtime.recordspan',
  read(traces) {
    const words = reads(traces, 'arg0', 8).filter(d => d > 4096);
    const [length, capacity] = [...new Set(words)].slice(0, 2).sort((a, b) => a - b);
    const isSlice = length !== undefined && capacity === length + 8;
    return { 'mheap.allspans': isSlice ? length - 8 : undefined };
  },
};

/** allocLarge adds to the heap's statistics what it allocated (mcache.go). */
const allocLarge: Witness = {
  name: 'runtime.(*mcache).allocLarge',
  read: traces => ({
    'heapStatsDelta.largeAlloc': writes(traces, `call ${ACQUIRE}`).find(t => t.atomic)
      ?.displacement,
  }),
};

/** freeSpanLocked takes from the statistics by the span's use (mheap.go). */
const freeSpanLocked: Witness = {
  name: 'runtime.(*mheap).freeSpanLocked',
  read(traces, { gcController }) {
    const stored = writes(traces, `call ${ACQUIRE}`).filter(t => t.atomic === true);
    const used = [...new Set(stored.map(t => t.displacement!))].sort((a, b) => a - b);
    const [inHeap, inStacks, inWorkBufs] = used.length < 3 ? [] : used;
    const added = traces.filter(t => t.callee === ADD).map(t => t.arguments?.[0]);
    const [free, inUse] = added.map(a =>
      a?.base === '' ? inGlobal(a.offset, gcController) : undefined,
    );
    const pages = writes(traces, 'arg0').filter(t => t.atomic === true && t.bytes === 8);
    return {
      'heapStatsDelta.inHeap': inHeap,
      'heapStatsDelta.inStacks': inStacks,
      'heapStatsDelta.inWorkBufs': inWorkBufs,
      'gcControllerState.heapFree': added.length === 2 ? free : undefined,
      'gcControllerState.heapInUse': added.length === 2 ? inUse : undefined,
      'mheap.pagesInUse': pages.find(t => t.displacement! > 4096)?.displacement,
    };
  },
};

/** update adds to the live heap what it is given; the compiler may know that c is the global. */
const update: Witness = {
  name: UPDATE,
  read(traces, { gcController }) {
    const added = traces.find(t => t.atomic === true && t.value?.base === 'arg1');
    const direct = added?.pointer === 'arg0' ? added.displacement : undefined;
    const global = added?.pointer === '' ? inGlobal(added.displacement, gcController) : undefined;
    return { 'gcControllerState.heapLive': direct ?? global };
  },
};

/** acquire reads the generation, which stands behind three deltas (mstats.go). */
const acquire: Witness = {
  name: ACQUIRE,
  read(traces) {
    const gen = reads(traces, 'arg0', 4)[0];
    if (gen === undefined) return {};
    return { 'consistentHeapStats.gen': gen, 'heapStatsDelta.sizeof': Math.floor(gen / 24) * 8 };
  },
};

/** All of them, by the order of the contradictions that are reported. */
export const WITNESSES: readonly Witness[] = [
  ...[mcall, systemstack, goroutineheader, gfput, minit, cgocall],
  ...[initMspan, initSpan, tryAcquire, uncacheSpan, recordspan],
  ...[allocLarge, freeSpanLocked, update, acquire],
];
