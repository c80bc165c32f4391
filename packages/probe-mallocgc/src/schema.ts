/**
 * What the probe of large Go objects declares: births where the runtime takes a span for one
 * object, deaths where that span goes back to the heap. What a reader would get wrong: an object
 * above 32 KiB has a span of its own, so its size here is that of the span, a multiple of 8 KiB
 * pages. Smaller objects are not seen, and cost nothing, unless `windowMs` asks for them.
 */
import {
  address,
  arrayMap,
  bool,
  bytesCount,
  comm,
  count,
  defineProbe,
  event,
  goCall,
  goEntries,
  goEntry,
  goid,
  goReturn,
  hash,
  ktimeNs,
  param,
  percpuArray,
  point,
  struct,
  tid,
  u32,
  u64,
  wholeStack,
} from '@sonde/core/schema';

/** Go 1.27, or 1.26 with GOEXPERIMENT=sizespecializedmalloc: a function for each small size. */
const SPECIALISED = [
  'runtime.mallocgcSmallNoScanSC*',
  'runtime.mallocgcSmallScanNoHeaderSC*',
] as const;
const SPECIALISED_TINY = ['runtime.mallocgcTinySC*', 'runtime.mallocgcTinySize*'] as const;

const counters = {
  allocs: count('large objects made'),
  frees: count('large objects freed, of those that the probe saw being made'),
  allocBytes: bytesCount('bytes of the spans of the objects made'),
  freeBytes: bytesCount('bytes of the spans of the objects freed'),
};

export default defineProbe({
  name: 'mallocgc',
  about: 'Go objects above 32 KiB from birth to death, each with the Go stack that made it',
  modes: ['stream', 'aggregate'],
  // Two to three times what Linux 5.10 takes on x86_64, of the 1,000,000 that end it.
  verifierBudget: { instructions: 150_000, states: 4_000 },
  types: {
    live: struct('A large object that is not freed yet.', {
      sizeBytes: bytesCount('bytes of its span'),
      stack: wholeStack('the Go stack that made it'),
      allocatedNs: ktimeNs('when its span was taken'),
      goid: goid('goroutine that made it'),
      tid: tid('thread that made it'),
    }),
    stackTotals: struct('What one stack made since the attach, and how much was freed.', {
      ...counters,
      firstNs: ktimeNs('first object'),
      lastNs: ktimeNs('latest object'),
    }),
    everyTotals: struct('All allocations of one stack inside the window, of any size.', {
      allocs: count('allocations'),
      allocBytes: bytesCount('bytes requested'),
    }),
    totals: struct('Everything that the probe counted, over all stacks.', {
      ...counters,
      freedBeforeAttach: count('large objects freed that were made before the attach'),
      every: count('allocations of any size inside the window'),
      samples: count('objects that the runtime sampled'),
      sampleFrees: count('sampled objects freed, of those that the probe saw being sampled'),
    }),
  },
  events: {
    large: event('The Go heap took a span for one large object.', {
      address: address('first byte of the object'),
      sizeBytes: bytesCount('bytes of its span: the request rounded up to pages of 8 KiB'),
      stack: wholeStack('the Go stack that made it'),
      goid: goid('goroutine that made it'),
      comm: comm(),
      tid: tid('thread that made it'),
      pointerFree: bool('the object holds no pointers'),
    }),
    free: event('The span of a large object went back to the Go heap.', {
      address: address('first byte of the object'),
      sizeBytes: bytesCount('bytes of its span'),
      tid: tid('thread that swept it'),
    }),
    every: event('Any Go allocation inside the window that `windowMs` opened.', {
      sizeBytes: bytesCount('bytes requested'),
      type: address('runtime type of the object, 0 for memory without pointers'),
      stack: wholeStack('the Go stack that allocated'),
      goid: goid('goroutine that allocated'),
      tid: tid('thread that allocated'),
    }),
    sample: event("The runtime's own sampling chose this object, of any size.", {
      address: address('first byte of the object'),
      sizeBytes: bytesCount('bytes of its size class, or of its span'),
      stack: wholeStack('the Go stack that made it'),
      goid: goid('goroutine that made it'),
      tid: tid('thread that made it'),
    }),
    sampleFree: event('A sampled object was found dead and swept.', {
      address: address('first byte of the object'),
      sizeBytes: bytesCount('bytes of its size class'),
      tid: tid('thread that swept it'),
    }),
    gcCycle: event('The garbage collector has marked everything and begins to sweep.', {
      cycle: u64('its number, as in MemStats.NumGC; 0 where that is not known'),
      tid: tid('thread that ended the mark'),
    }),
    arena: event('A chunk of 8 MiB was taken for a user arena (GOEXPERIMENT=arenas).', {
      address: address('first byte of the chunk'),
      sizeBytes: bytesCount('bytes of the chunk'),
      stack: wholeStack('the Go stack that needed it'),
      goid: goid('goroutine that needed it'),
      tid: tid('thread that needed it'),
    }),
    arenaFree: event('A chunk of a user arena was freed: touching it faults from now on.', {
      address: address('first byte of the chunk'),
      sizeBytes: bytesCount('bytes of the chunk'),
      tid: tid('thread that freed it'),
    }),
  },
  maps: {
    live: hash({
      about: 'aggregate: address → large object not freed yet',
      key: address(),
      value: 'live',
      maxEntries: param('maxLive'),
    }),
    byStack: hash({
      about: 'aggregate: stack → what it made and what of that was freed',
      key: wholeStack(),
      value: 'stackTotals',
      maxEntries: param('maxStacks'),
    }),
    everyByStack: hash({
      about: 'aggregate: stack → all its allocations inside the window',
      key: wholeStack(),
      value: 'everyTotals',
      maxEntries: param('maxStacks'),
    }),
    sampleLive: hash({
      about: 'aggregate: address → sampled object not freed yet',
      key: address(),
      value: 'live',
      maxEntries: param('maxLive'),
    }),
    sampleByStack: hash({
      about: 'aggregate: stack → what was sampled there and what of that was freed',
      key: wholeStack(),
      value: 'stackTotals',
      maxEntries: param('maxStacks'),
    }),
    totals: percpuArray({
      about: 'aggregate: one entry, everything counted',
      value: 'totals',
      maxEntries: 1,
    }),
    window: arrayMap({
      about: 'one entry: when the first allocation of any size was seen, 0 before',
      value: ktimeNs(),
      maxEntries: 1,
    }),
  },
  params: {
    maxLive: param(u32('most large objects that may be live at once; more are counted as lost'), {
      default: 65536,
    }),
    maxStacks: param(u32('most different stacks'), { default: 8192 }),
    windowMs: param(u32('milliseconds during which every allocation is reported; 0: none is'), {
      default: 0,
    }),
    samples: param(u32("1: births and deaths of the objects that the runtime's profile samples"), {
      default: 0,
    }),
    gcCycles: param(u32('1: an event for each cycle of the garbage collector'), { default: 0 }),
    arenas: param(u32('1: chunks of user arenas (GOEXPERIMENT=arenas)'), { default: 0 }),
  },
  attach: [
    point('large', {
      about: 'birth of a large object',
      oneOf: [
        goCall({
          name: 'alloc-large-call',
          program: 'large_call',
          caller: 'runtime.(*mcache).allocLarge',
          callee: 'runtime.(*mspan).initHeapBits',
          passesResult: true,
        }),
        goReturn('runtime.(*mcache).allocLarge', {
          name: 'alloc-large-return',
          program: 'large_span_return',
        }),
        goReturn('runtime.largeAlloc', {
          name: 'large-alloc-return',
          program: 'large_span_on_g0',
          systemStack: true,
        }),
        goReturn('runtime.mallocgcLarge', {
          name: 'mallocgc-large-return',
          program: 'large_object_return',
          limits: 'does not say whether the object holds pointers',
        }),
        goReturn('runtime.(*mheap).alloc', {
          name: 'mheap-alloc-return',
          program: 'any_span_return',
          limits: 'is also hit whenever the heap takes a span for small objects',
        }),
      ],
    }),
    point('free', {
      about: 'death of a large object: its span goes back to the heap',
      brake: 'last',
      oneOf: [
        goEntry('runtime.(*mheap).freeSpanLocked', {
          name: 'free-span-entry',
          program: 'span_freed',
          limits:
            'the garbage collector sweeps lazily: a death is seen up to one cycle after the ' +
            'object became unreachable',
        }),
      ],
    }),
    point('every', {
      about: 'any Go allocation, inside a bounded window',
      need: 'optional',
      when: 'windowMs',
      oneOf: [
        goEntry('runtime.mallocgc', {
          name: 'mallocgc-entry',
          program: 'every_alloc',
          unless: SPECIALISED,
        }),
        goEntries(
          {
            all: [
              ...SPECIALISED,
              'runtime.mallocgcSmallNoscan',
              'runtime.mallocgcSmallScanNoHeader',
              'runtime.mallocgcSmallScanHeader',
              'runtime.mallocgcLarge',
            ],
            also: [...SPECIALISED_TINY, 'runtime.mallocgcTiny'],
          },
          { name: 'mallocgc-leaves', program: 'every_alloc' },
        ),
        goEntries(
          { all: ['runtime.mallocgc', ...SPECIALISED], also: SPECIALISED_TINY },
          { name: 'mallocgc-and-specialised', program: 'every_alloc_folded' },
        ),
      ],
    }),
    point('sample', {
      about: "birth of an object that the runtime's own profile samples",
      need: 'optional',
      when: 'samples',
      oneOf: [
        goEntry('runtime.mProf_Malloc', {
          name: 'profile-malloc-entry',
          program: 'sample_made',
          needs: 'memoryProfiling',
          limits: 'one object per runtime.MemProfileRate bytes, 512 KiB unless the program sets it',
        }),
      ],
    }),
    point('sampleFree', {
      about: 'death of a sampled object',
      need: 'optional',
      when: 'samples',
      brake: 'last',
      oneOf: [
        goEntry(['runtime.freeSpecial', 'runtime.freespecial'], {
          name: 'free-special-entry',
          program: 'sample_freed',
          needs: 'memoryProfiling',
          limits: 'seen when its span is swept: up to one cycle after it became unreachable',
        }),
      ],
    }),
    point('gc', {
      about: 'a cycle of the garbage collector: all is marked, the sweep begins',
      need: 'optional',
      when: 'gcCycles',
      oneOf: [goEntry('runtime.gcSweep', { name: 'gc-sweep-entry', program: 'gc_swept' })],
    }),
    point('arena', {
      about: 'a chunk taken for a user arena',
      need: 'optional',
      when: 'arenas',
      oneOf: [
        goReturn('runtime.(*mheap).allocUserArenaChunk', {
          name: 'arena-chunk-return',
          program: 'arena_made',
        }),
      ],
    }),
    point('arenaFree', {
      about: 'a chunk of a user arena freed',
      need: 'optional',
      when: 'arenas',
      brake: 'last',
      oneOf: [
        goEntry('runtime.(*mspan).setUserArenaChunkToFault', {
          name: 'arena-fault-entry',
          program: 'arena_freed',
        }),
      ],
    }),
  ],
});
