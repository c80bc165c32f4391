/**
 * What the probe of page faults declares. What a reader would get wrong: a fault is the first touch
 * of a page that is not mapped, never an access as such. Memory that is already resident is used
 * without any fault, and each way to see faults misses others; the report repeats its `limits`.
 */
import {
  address,
  count,
  defineProbe,
  enumOf,
  event,
  fentry,
  hash,
  kprobe,
  ktimeNs,
  lruHash,
  named,
  param,
  percpuArray,
  perfSoftware,
  point,
  rawTracepoint,
  struct,
  tid,
  tracepoint,
  u32,
  u64,
  wholeStack,
} from '@sonde/core/schema';

const counters = {
  faults: count('page faults'),
  reads: count('of these, by reading'),
  writes: count('of these, by writing'),
  instructions: count('of these, by fetching an instruction'),
};

const HANDLER_LIMITS =
  'repeats of one fault are told from new ones by the flags and the last address of the thread; ' +
  'faults that end in a signal are counted too; older arm64 kernels tell the page and not the byte';
const TRACEPOINT_LIMITS =
  "misses the kernel's own touches, such as read() into a new buffer; counts faults that end in " +
  'a signal and repeats after a retry';

export default defineProbe({
  name: 'pagefault',
  about: 'Page faults of a process in its own memory: which page, by what code, touched for what',
  modes: ['stream', 'aggregate'],
  // Two to three times what Linux 5.10 takes on x86_64, of the 1,000,000 that end it.
  verifierBudget: { instructions: 250_000, states: 6_000 },
  types: {
    access: enumOf('What the faulting instruction wanted.', {
      unknown: 'the way in which faults are seen does not tell',
      read: 'to read',
      write: 'to write',
      instruction: 'to fetch an instruction',
    }),
    stackTotals: struct('Faults of one stack since the attach.', {
      ...counters,
      firstNs: ktimeNs('first fault'),
      lastNs: ktimeNs('latest fault'),
    }),
    touch: struct('The latest fault on a page: what put the present content there.', {
      firstNs: ktimeNs('first fault on this page since the attach'),
      lastNs: ktimeNs('latest fault on this page'),
      stack: wholeStack('the stack of the latest fault'),
      faults: count('faults on this page'),
      tid: tid('thread of the latest fault'),
      access: named('access', 'kind of the latest fault'),
    }),
    totals: struct('Everything that the probe counted, over all stacks.', {
      ...counters,
      pages: count('entries made in `pages`; those above its size were dropped again'),
      retries: count('repeats of a fault that was already counted'),
      foreign: count('faults that the process caused in the memory of another'),
    }),
  },
  events: {
    fault: event('A page of the process was touched for the first time, or again.', {
      address: address('the address that was touched'),
      stack: wholeStack('the stack that touched it; its first address is the instruction itself'),
      tid: tid('thread that touched it'),
      access: named('access', 'read, write or instruction fetch'),
    }),
  },
  maps: {
    byStack: hash({
      about: 'aggregate: stack → its faults',
      key: wholeStack(),
      value: 'stackTotals',
      maxEntries: param('maxStacks'),
    }),
    pages: lruHash({
      about: 'aggregate: address of a page → who touched it; the least recent is dropped',
      key: address(),
      value: 'touch',
      maxEntries: param('maxPages'),
    }),
    totals: percpuArray({
      about: 'aggregate: one entry, everything counted',
      value: 'totals',
      maxEntries: 1,
    }),
    lastFaults: lruHash({
      about: 'kernel thread id → address of its latest fault, to know a repeat',
      key: u32(),
      value: u64(),
      maxEntries: 4096,
    }),
  },
  params: {
    maxStacks: param(u32('most different stacks'), { default: 8192 }),
    maxPages: param(u32('most pages remembered'), { default: 131072 }),
    pageBytes: param(u32('size of a page of the process', { unit: 'bytes' }), { default: 4096 }),
  },
  attach: [
    point('fault', {
      about: 'a page fault of the process',
      oneOf: [
        fentry('handle_mm_fault', {
          name: 'fentry',
          program: 'fault_fentry',
          limits: HANDLER_LIMITS,
        }),
        kprobe('handle_mm_fault', {
          name: 'kprobe',
          program: 'fault_kprobe',
          limits: HANDLER_LIMITS,
        }),
        rawTracepoint('page_fault_user', {
          name: 'raw-tracepoint',
          program: 'fault_raw_tracepoint',
          limits: TRACEPOINT_LIMITS,
        }),
        tracepoint('exceptions', 'page_fault_user', {
          name: 'tracepoint',
          program: 'fault_tracepoint',
          limits: TRACEPOINT_LIMITS,
        }),
        perfSoftware('page-faults', {
          name: 'perf-event',
          program: 'fault_perf_event',
          limits:
            'does not tell reads from writes; the kernel drops events above ' +
            'kernel.perf_event_max_sample_rate without saying so',
        }),
      ],
    }),
  ],
});
