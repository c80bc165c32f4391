/**
 * What the probe of C allocations declares: every allocator function of the C library, its events,
 * and the maps that it keeps in the kernel. What a reader would get wrong: the order of the attach
 * points is part of the program. Point 2n is the entry of allocator n, point 2n + 1 its return, and
 * the last is `free`; `cgo_malloc.bpf.c` derives the allocator from the number.
 */
import {
  address,
  arrayMap,
  bool,
  bytesCount,
  cFunction,
  cReturn,
  count,
  defineProbe,
  enumOf,
  event,
  goid,
  hash,
  ktimeNs,
  lruHash,
  named,
  param,
  percpuArray,
  point,
  struct,
  tid,
  u32,
  u64,
  wholeStack,
} from '@sonde/core/schema';

const ALLOCATORS = {
  malloc: 'malloc(size)',
  calloc: 'calloc(count, size)',
  realloc: 'realloc(pointer, size)',
  reallocarray: 'reallocarray(pointer, count, size)',
  posixMemalign: 'posix_memalign(&pointer, alignment, size)',
  alignedAlloc: 'aligned_alloc(alignment, size)',
  memalign: 'memalign(alignment, size)',
  valloc: 'valloc(size)',
  pvalloc: 'pvalloc(size); the requested size is counted, not the pages',
} as const;

const SYMBOLS: Readonly<Record<string, string>> = {
  posixMemalign: 'posix_memalign',
  alignedAlloc: 'aligned_alloc',
};

const allocatorPoints = Object.entries(ALLOCATORS).flatMap(([name, call]) => {
  const symbol = SYMBOLS[name] ?? name;
  const need = name === 'malloc' ? 'required' : 'optional';
  return [
    point(name, {
      about: `entry of ${call}`,
      need,
      oneOf: [cFunction(symbol, { program: 'alloc_enter', library: 'libc' })],
    }),
    point(`${name}Return`, {
      about: `return of ${call}`,
      need,
      oneOf: [cReturn(symbol, { program: 'alloc_return', library: 'libc' })],
    }),
  ];
});

const counters = {
  allocs: count('allocations'),
  frees: count('frees of allocations that the probe saw being made'),
  allocBytes: bytesCount('bytes requested by the allocations'),
  freeBytes: bytesCount('bytes that the freed allocations had requested'),
};

export default defineProbe({
  name: 'cgo-malloc',
  about:
    'C heap allocations of a Go process, each with the C function that called the allocator and ' +
    'the Go stack that called into C',
  modes: ['stream', 'aggregate'],
  // Two to three times what Linux 5.10 takes on x86_64, of the 1,000,000 that end it.
  verifierBudget: { instructions: 250_000, states: 6_000 },
  types: {
    allocator: enumOf('Which function allocated or freed.', {
      ...ALLOCATORS,
      free: 'free(pointer)',
    }),
    live: struct('An allocation that is not freed yet.', {
      sizeBytes: bytesCount('bytes requested'),
      usableBytes: bytesCount('bytes that the C library set aside; the request where unknown'),
      stack: wholeStack('the C caller, then the Go frames'),
      allocatedNs: ktimeNs('when the allocator returned'),
      goid: goid('goroutine that called into C'),
      tid: tid('thread that allocated'),
      allocator: named('allocator', 'function that made it'),
    }),
    call: struct('An allocator call that has not returned yet.', {
      stackPointer: u64('stack pointer at entry: tells the outermost call from those inside it'),
      sizeBytes: bytesCount('bytes requested; all ones when count × size overflows'),
      resultAddress: address('where posix_memalign stores its result'),
      oldAddress: address('what realloc was given'),
      enteredNs: ktimeNs('when the call began'),
      stack: wholeStack('the C caller, then the Go frames'),
      goid: goid('goroutine that called into C'),
      old: named('live', 'the allocation at oldAddress, taken out of `live` during the call'),
      allocator: named('allocator', 'function that was called'),
      active: bool('the call has not returned'),
      oldKnown: bool('`old` holds the allocation at oldAddress'),
    }),
    stackTotals: struct('What one stack allocated since the attach, and how much was freed.', {
      ...counters,
      allocUsableBytes: bytesCount('bytes set aside for the allocations'),
      freeUsableBytes: bytesCount('bytes set aside for those freed'),
      firstNs: ktimeNs('first allocation'),
      lastNs: ktimeNs('latest allocation'),
    }),
    sizeClass: struct('Allocations by requested size.', counters),
    totals: struct('Everything that the probe counted, over all stacks.', {
      ...counters,
      reallocs: count('successful reallocations; each is in allocs, and in frees where known'),
      failed: count('calls that returned no memory'),
      freedBeforeAttach: count('frees of addresses that were not allocated since the attach'),
      nested: count('allocator calls made by an allocator, which count once as the outer call'),
    }),
  },
  events: {
    alloc: event('The C library handed out memory.', {
      address: address('what the caller got'),
      sizeBytes: bytesCount('bytes requested'),
      usableBytes: bytesCount('bytes that the C library set aside; the request where unknown'),
      stack: wholeStack('the C caller, then the Go frames'),
      goid: goid('goroutine that called into C; 0 for a thread of C code'),
      tid: tid('thread that allocated'),
      allocator: named('allocator', 'function that was called'),
    }),
    free: event('Memory goes back to the C library, by free or by realloc(pointer, 0).', {
      address: address('what was freed'),
      tid: tid('thread that freed'),
      allocator: named('allocator', 'free or realloc'),
    }),
    realloc: event('An allocation was replaced by another, at the same address or a new one.', {
      oldAddress: address('what was given; it ended at some time after enteredNs'),
      address: address('what the caller got'),
      sizeBytes: bytesCount('bytes requested'),
      usableBytes: bytesCount('bytes that the C library set aside; the request where unknown'),
      stack: wholeStack('the C caller, then the Go frames'),
      goid: goid('goroutine that called into C; 0 for a thread of C code'),
      enteredNs: ktimeNs(
        'entry of the call: what another thread got at oldAddress later is not ours',
      ),
      tid: tid('thread that allocated'),
      allocator: named('allocator', 'realloc or reallocarray'),
    }),
  },
  maps: {
    live: hash({
      about: 'aggregate: address → allocation not freed yet',
      key: address(),
      value: 'live',
      maxEntries: param('maxLive'),
    }),
    byStack: hash({
      about: 'aggregate: stack → what it allocated and what of that was freed',
      key: wholeStack(),
      value: 'stackTotals',
      maxEntries: param('maxStacks'),
    }),
    sizeClasses: percpuArray({
      about: 'aggregate: 0 for empty requests, 1 + n for requests of 2^n … 2^(n+1) - 1 bytes',
      value: 'sizeClass',
      maxEntries: 65,
    }),
    totals: percpuArray({
      about: 'aggregate: one entry, everything counted',
      value: 'totals',
      maxEntries: 1,
    }),
    calls: lruHash({
      about: 'kernel thread id → the outermost allocator call of that thread',
      key: u32(),
      value: 'call',
      maxEntries: param('maxThreads'),
    }),
    blank: arrayMap({
      about: 'one entry of zeros, from which new entries of `calls` are made',
      value: 'call',
      maxEntries: 1,
    }),
  },
  params: {
    maxLive: param(u32('most allocations that may be live at once; more are counted as lost'), {
      default: 262144,
    }),
    maxStacks: param(u32('most different stacks'), { default: 16384 }),
    maxThreads: param(u32('most threads; the least recently seen one is forgotten'), {
      default: 4096,
    }),
    glibcChunks: param(
      u32('1: read the size that was set aside from the word before the memory, as glibc keeps it'),
      { default: 1 },
    ),
  },
  attach: [
    ...allocatorPoints,
    point('free', {
      about: 'entry of free(pointer)',
      brake: 'last',
      oneOf: [cFunction('free', { program: 'free_enter', library: 'libc' })],
    }),
  ],
});
