/**
 * Whether the runtime offsets hold in the live process: fields that must agree with each other are
 * read and compared before anything is traced. What a reader would get wrong: the process runs on
 * meanwhile, so a disagreement counts only when several readings in a row show it.
 */
import { type GlobalName, type GoOffsets, viewOf } from '@sonde/symbols';
import { UnsupportedError } from '../errors.js';

/** Reads the target's memory; throws where nothing is mapped. */
export interface MemoryReaderLike {
  read(address: bigint, length: number): Uint8Array;
}

/** The process and what is believed of it. */
export interface SelfCheckRequest {
  readonly memory: MemoryReaderLike;
  readonly offsets: GoOffsets;
  /** Runtime addresses of the globals that were found. */
  readonly globals: Readonly<Partial<Record<GlobalName, bigint>>>;
  /** Thread ids of the process now, as it sees them itself. */
  readonly threads: () => ReadonlySet<number>;
}

const TRIES = 4;
/** Goroutines and spans that are looked at; each costs one small read. */
const GOROUTINES_MAX = 16;
const SPANS_MAX = 64;
/** _PageSize (runtime/malloc.go); the same in every release, on both architectures. */
const PAGE_BYTES = 8192;
const ADDRESS_MAX = 2n ** 48n;
/** mSpanDead, mSpanInUse, mSpanManual (runtime/mheap.go). */
const STATES = 3;
const IN_USE = 1;
const SPAN_CLASSES = 256;
/**
 * _Grunnable, _Grunning, _Gsyscall, _Gwaiting, _Gpreempted (runtime2.go). Others have no stack, or
 * one that is being copied, or belong to a C thread that may be gone.
 */
const LIVE = [1, 2, 3, 4, 9];
const RUNNING = 2;
const SYSCALL = 3;

/** A field whose value contradicts another one. */
class Disagreement extends Error {
  readonly field: string;

  constructor(field: string, value: number | bigint, what: string) {
    super(`${field} is ${typeof value === 'bigint' ? `0x${value.toString(16)}` : value}: ${what}`);
    this.field = field;
  }
}

/** One struct of the target: the bytes that its known fields span, read at once. */
class Fields {
  readonly #offsets: GoOffsets;
  readonly #view: DataView;
  readonly #first: number;

  constructor(
    { memory, offsets }: SelfCheckRequest,
    address: bigint,
    fields: readonly string[],
    via: string,
  ) {
    this.#offsets = offsets;
    const known = fields.map(name => offsets.get(name)).filter(at => at !== undefined);
    this.#first = Math.min(...known);
    const length = Math.max(...known) + 8 - this.#first;
    if (address <= 0n || address >= ADDRESS_MAX) {
      throw new Disagreement(via, address, 'not an address');
    }
    try {
      this.#view = viewOf(memory.read(address + BigInt(this.#first), length));
    } catch {
      throw new Disagreement(via, address, 'nothing is mapped there');
    }
  }

  /** Undefined where the offset is not known. */
  word(field: string, bytes: 1 | 2 | 4 | 8): bigint | undefined {
    const offset = this.#offsets.get(field);
    if (offset === undefined) return undefined;
    const at = offset - this.#first;
    if (bytes === 8) return this.#view.getBigUint64(at, true);
    if (bytes === 4) return BigInt(this.#view.getUint32(at, true));
    return BigInt(bytes === 2 ? this.#view.getUint16(at, true) : this.#view.getUint8(at));
  }
}

function demand(ok: boolean, field: string, value: bigint, what: string): void {
  if (!ok) throw new Disagreement(field, value, what);
}

/** Addresses in the slice of pointers at an address; evenly spread when there are too many. */
function pointersOf(
  { memory }: SelfCheckRequest,
  slice: bigint,
  field: string,
  count: number,
): bigint[] {
  const head = viewOf(memory.read(slice, 24));
  const [data, length, capacity] = [0, 8, 16].map(at => head.getBigUint64(at, true));
  if (length === 0n) return [];
  demand(length! <= capacity! && capacity! < 2n ** 32n, field, length!, 'longer than its capacity');
  demand(
    data! > 0n && data! < ADDRESS_MAX && data! % 8n === 0n,
    field,
    data!,
    'no list of pointers',
  );
  const total = Number(length);
  const step = Math.max(1, Math.floor(total / count));
  const chosen = Array.from({ length: Math.min(count, total) }, (_, i) => i * step);
  try {
    return chosen.map(i => viewOf(memory.read(data! + BigInt(i * 8), 8)).getBigUint64(0, true));
  } catch {
    throw new Disagreement(field, data!, 'nothing is mapped there');
  }
}

const G_FIELDS = [...['g.stack.lo', 'g.stack.hi', 'g.m', 'g.sched.sp', 'g.atomicstatus', 'g.goid']];
const M_FIELDS = ['m.g0', 'm.curg', 'm.procid'];

/** g and what hangs on it: its stack, its number, and the m that runs it. */
function checkGoroutine(request: SelfCheckRequest, address: bigint): boolean {
  const g = new Fields(request, address, G_FIELDS, 'allgs');
  const status = Number((g.word('g.atomicstatus', 4) ?? 0n) & 0xfffn);
  const [lo, hi] = [g.word('g.stack.lo', 8), g.word('g.stack.hi', 8)];
  if (!LIVE.includes(status)) return false;
  const goid = g.word('g.goid', 8);
  if (goid !== undefined) {
    demand(goid > 0n && goid < 2n ** 40n, 'g.goid', goid, 'not a number of a goroutine');
  }
  if (lo !== undefined && hi !== undefined) {
    const ordered = lo > 0n && lo < hi && hi - lo <= 2n ** 32n && hi < ADDRESS_MAX;
    demand(ordered, 'g.stack.lo', lo, `the stack's end is 0x${hi.toString(16)}`);
    const sp = status === RUNNING ? 0n : (g.word('g.sched.sp', 8) ?? 0n);
    demand(sp === 0n || (sp > lo && sp <= hi), 'g.sched.sp', sp, 'outside of its stack');
  }
  const m = g.word('g.m', 8);
  if (m === undefined || (status !== RUNNING && status !== SYSCALL)) return true;
  demand(m !== 0n, 'g.m', m, 'a running goroutine has one');
  checkThread(request, m, status === RUNNING);
  return true;
}

/** An m: its g0 belongs to it, and its thread is one of the process. */
function checkThread(request: SelfCheckRequest, address: bigint, running: boolean): void {
  const m = new Fields(request, address, M_FIELDS, 'g.m');
  const g0 = m.word('m.g0', 8);
  if (g0 !== undefined) {
    const back = new Fields(request, g0, ['g.m'], 'm.g0').word('g.m', 8);
    demand(back === undefined || back === address, 'm.g0', g0, 'its m is another one');
  }
  const curg = m.word('m.curg', 8);
  if (curg !== undefined && curg !== 0n) {
    const back = new Fields(request, curg, ['g.m'], 'm.curg').word('g.m', 8);
    demand(back === undefined || back === address, 'm.curg', curg, 'its m is another one');
  }
  const procid = m.word('m.procid', 8);
  if (!running) return;
  const known = procid === undefined || procid === 0n || request.threads().has(Number(procid));
  demand(known, 'm.procid', procid ?? 0n, 'not a thread of the process');
}

const SPAN_FIELDS = [
  ...['mspan.startAddr', 'mspan.npages', 'mspan.nelems', 'mspan.state'],
  ...['mspan.spanclass', 'mspan.elemsize'],
];

/** A span: where it begins, how long it is, and what it is divided into. */
function checkSpan(request: SelfCheckRequest, address: bigint): boolean {
  const { offsets } = request;
  const span = new Fields(request, address, SPAN_FIELDS, 'mheap.allspans');
  const state = span.word('mspan.state', 1);
  demand(state === undefined || state < STATES, 'mspan.state', state ?? 0n, 'not a state');
  if (state !== BigInt(IN_USE)) return false;
  const start = span.word('mspan.startAddr', 8);
  const pages = span.word('mspan.npages', 8);
  if (start !== undefined) {
    const aligned = start > 0n && start < ADDRESS_MAX && start % BigInt(PAGE_BYTES) === 0n;
    demand(aligned, 'mspan.startAddr', start, 'not the start of a page');
  }
  if (pages === undefined) return true;
  demand(pages > 0n && pages < 2n ** 32n, 'mspan.npages', pages, 'not a number of pages');
  const bytes = pages * BigInt(PAGE_BYTES);
  const spanclass = span.word('mspan.spanclass', 1);
  demand((spanclass ?? 0n) < SPAN_CLASSES, 'mspan.spanclass', spanclass ?? 0n, 'not a class');
  const elemsize = span.word('mspan.elemsize', 8);
  if (elemsize === undefined) return true;
  demand(elemsize > 0n && elemsize <= bytes, 'mspan.elemsize', elemsize, `span has ${bytes} bytes`);
  // A count of two bytes since 1.22: it stands two bytes behind the index of the next free one.
  const [nelems, freeindex] = [offsets.get('mspan.nelems'), offsets.get('mspan.freeindex')];
  if (nelems === undefined || freeindex === undefined) return true;
  const count = span.word('mspan.nelems', nelems - freeindex === 2 ? 2 : 8)!;
  const fits = count > 0n && count * elemsize <= bytes;
  demand(fits, 'mspan.nelems', count, `of ${elemsize} bytes each, in ${bytes}`);
  return true;
}

/** Several readings; the last disagreement, when every one had one. */
function repeatedly(check: () => void): Disagreement | undefined {
  let last: Disagreement | undefined;
  for (let i = 0; i < TRIES; i++) {
    try {
      check();
      return undefined;
    } catch (error) {
      if (!(error instanceof Disagreement)) throw error;
      last = error;
    }
  }
  return last;
}

/**
 * Compares the runtime's structures with each other and with the process, as far as their offsets
 * and globals are known. Returns what was seen, such as `passed: 9 goroutines, 1 thread, 40 spans`.
 * Throws UnsupportedError naming the field and its value where they disagree four times in a row.
 * Costs some 150 small reads at most.
 */
export function selfCheck(request: SelfCheckRequest): string {
  const { globals, offsets } = request;
  const checkAll = (addresses: readonly bigint[], check: (at: bigint) => void): void => {
    for (const address of addresses) {
      const problem = repeatedly(() => check(address));
      if (problem !== undefined) throw refusal(offsets, problem);
    }
  };
  const listed = (slice: bigint, field: string, max: number): bigint[] => {
    let addresses: bigint[] = [];
    const problem = repeatedly(() => (addresses = pointersOf(request, slice, field, max)));
    if (problem !== undefined) throw refusal(offsets, problem);
    return addresses;
  };
  const seen: string[] = [];
  if (globals.allgs !== undefined && offsets.get('g.m') !== undefined) {
    const goroutines = listed(globals.allgs, 'allgs', GOROUTINES_MAX);
    let live = 0;
    checkAll(goroutines, at => {
      if (checkGoroutine(request, at)) live++;
    });
    // The main goroutine is never dead; it is the first of the list.
    const nobody = new Disagreement('g.atomicstatus', 0, 'no goroutine is alive');
    if (live === 0 && goroutines.length > 0) throw refusal(offsets, nobody);
    seen.push(`${live} goroutines`);
  }
  const allspans = offsets.get('mheap.allspans');
  if (globals.mheap !== undefined && allspans !== undefined) {
    const spans = listed(globals.mheap + BigInt(allspans), 'mheap.allspans', SPANS_MAX);
    let used = 0;
    checkAll(spans, at => {
      if (checkSpan(request, at)) used++;
    });
    seen.push(`${spans.length} spans, ${used} in use`);
  }
  return seen.length === 0 ? 'not possible: no global was found' : `passed: ${seen.join(', ')}`;
}

function refusal(offsets: GoOffsets, problem: Disagreement): UnsupportedError {
  const about = { feature: 'go release tables', since: '' };
  const hint =
    'the offsets of this program are not known well enough to trace it; its release, and how it ' +
    'was built, are printed by sonde inspect';
  const message = `check runtime offsets (${offsets.rung}): ${problem.message}`;
  return new UnsupportedError(message, about, { hint, cause: problem });
}
