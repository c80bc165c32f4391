/**
 * The only foreign-function room: libbpf.so.1 (1.1 or later), bpf(2), perf_event_open(2) and mapped
 * memory. Importing it loads no library; the first call does.
 */
export { errnoText, libbpfVersion } from './library.js';
export type { Bytes, Pointer } from './library.js';
export { MachineCode } from './machine-code.js';
export { ScatterReader, type MemoryRange } from './process-memory.js';
export { Mapping, NativeMemory, pageBytes, type MappingOptions } from './memory.js';
export {
  attachKprobe,
  attachPageFaultEvents,
  attachRawTracepoint,
  attachTrace,
  attachTracepoint,
  attachUprobe,
  attachUprobeMulti,
  type Link,
  type UprobePlace,
} from './links.js';
export {
  createMap,
  deleteFromMap,
  isPerCpu,
  lookupMap,
  MapType,
  possibleCpus,
  readCounters,
  readMapRows,
  updateMap,
  valueStride,
  type MapHandle,
  type MapRows,
  type MapShape,
} from './maps.js';
export { BpfObject, type ObjectMap, type ObjectProgram, type RefusedLoad } from './object.js';
export { openPerfUprobe, type PerfUprobe } from './perf-uprobe.js';
export { listenToLibbpf, silenceLibbpf, type PrintListener } from './print.js';
export {
  BPF_TRACE_UPROBE_MULTI,
  closeFd,
  closeFdAsync,
  createMemoryFile,
  createPerfLink,
  createUprobeMultiLink,
  enableStatistics,
  Errno,
  liftMemlockLimit,
  loadRawProgram,
  openPerfEvent,
  ProgramType,
  programStatistics,
  SystemCallError,
  type PerfEvent,
  type ProgramStatistics,
  type RawProgram,
  type UprobeMultiTarget,
} from './syscalls.js';
