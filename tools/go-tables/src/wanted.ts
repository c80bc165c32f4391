/**
 * What the tables hold, by the names that Go's own sources use. What a reader would get wrong:
 * `memstats` is a variable; its type is `mstats`. A name that some releases lack is no mistake:
 * the tables then say since when it is there, and until when.
 */

/** Struct types whose direct fields and size are in the tables. */
export const TYPES: readonly string[] = [
  ...['g', 'gobuf', 'stack', 'm', 'p', 'schedt', 'sudog', 'hchan', 'waitq', '_defer', '_panic'],
  ...['mspan', 'mSpanList', 'mSpanStateBox', 'mheap', 'heapArena', 'mcache', 'mcentral'],
  ...['gcControllerState', 'mstats', 'heapStatsDelta', 'consistentHeapStats', 'sysMemStat'],
  ...['bucket', 'memRecord', 'memRecordCycle', 'blockRecord', 'fixalloc', 'mutex'],
  ...['special', 'specialprofile', 'specialfinalizer', 'specialReachable', 'specialCleanup'],
  ...['moduledata', 'functab', 'findfuncbucket', '_func', 'pcHeader', 'textsect', 'modulehash'],
]
  .map(name => `runtime.${name}`)
  .concat(
    ['Pool', 'poolLocal', 'poolLocalInternal', 'poolChain', 'poolChainElt', 'poolDequeue'].map(
      name => `sync.${name}`,
    ),
  );

/** Variables whose struct type has no name in every release (`work`); keyed by the variable. */
export const VARIABLES: readonly string[] = ['runtime.work'];

/** Fields of nested structs. */
export const PATHS: readonly string[] = [
  ...['lo', 'hi'].map(name => `g.stack.${name}`),
  ...['sp', 'pc', 'g', 'ctxt', 'ret', 'lr', 'bp'].map(name => `g.sched.${name}`),
  ...['first', 'last'].flatMap(name => [`hchan.recvq.${name}`, `hchan.sendq.${name}`]),
  ...['mspan.state.s', 'memRecord.active.allocs', 'memRecord.active.frees'],
  ...['memRecord.active.alloc_bytes', 'memRecord.active.free_bytes'],
  ...['specialprofile.special.kind', 'schedt.gFree.n'],
];

/** Integer constants, as expressions over `package.name`. */
export const CONSTANTS: readonly string[] = [
  'runtime\\._G[a-z]+',
  'runtime\\._P(idle|running|syscall|gcstop|dead)',
  'runtime\\._GC(off|mark|marktermination)',
  'runtime\\.mSpan(Dead|InUse|Manual)',
  'runtime\\.spanAlloc[A-Z]\\w*',
  'runtime\\._KindSpecial\\w+',
  'runtime\\.(memProfile|blockProfile|mutexProfile|buckHashSize|maxStack|maxSkip)',
  'runtime\\.(pageSize|pageShift|maxSmallSize|maxTinySize|numSpanClasses|_NumSizeClasses)',
  'runtime\\.(heapArenaBytes|pagesPerArena|arenaL1Bits|arenaL2Bits|arenaBaseOffset)',
  'runtime\\.(minSizeForMallocHeader|mallocHeaderSize|_WorkbufSize|tinySpanClass)',
  'runtime\\.funcID_\\w+',
  'internal/abi\\.FuncID\\w+',
  '(runtime\\._|internal/abi\\.)(FUNCDATA_InlTree|PCDATA_InlTreeIndex|PCDATA_StackMapIndex)',
  'sync\\.(dequeueBits|dequeueLimit)|internal/sync\\.mutexLocked',
];

/** The one name of a constant that was renamed: what Go calls it today, without its package. */
export function constantName(qualified: string): string {
  const name = qualified.slice(qualified.lastIndexOf('.') + 1);
  if (name === 'funcID_normal') return 'FuncIDNormal';
  if (name === 'funcID_wrapper') return 'FuncIDWrapper';
  if (/^_(FUNC|PC)DATA_/.test(name)) return name.slice(1);
  return name.replace(/^funcID_/, 'FuncID_');
}
