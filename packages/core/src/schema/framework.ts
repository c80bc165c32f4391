/**
 * The structs and enums that every probe's object shares: record header, target description, stack
 * and loss counters. They are declared in the same language as a probe's own and laid out by the
 * same code. What a reader would get wrong: a change here changes every probe's hash, on purpose,
 * because an object and a loader that disagree about them must not meet.
 */
import type { Fields } from './definition.js';
import { address, array, ktimeNs, s64, stackId, u16, u32, u64 } from './field-types.js';
import type { EnumIr, StructIr } from './ir.js';
import { layoutStruct } from './layout.js';
import { TypeTable } from './type-table.js';

/** Frames that one entry of `sonde_stacks` can hold; more sets STACK_TRUNCATED in its flags. */
export const STACK_FRAMES_MAX = 61;

/** Registers of a stack copy: DWARF numbers 0 to 16 on x86_64, 0 to 31 on arm64. */
export const COPIED_REGISTERS = 32;

/** Events from this number on belong to the framework and not to a probe. */
export const FRAMEWORK_EVENTS = 0xff00;

const NOWHERE = { position: () => undefined };
const TABLE = new TypeTable({ name: 'sonde', about: '', events: {}, attach: [] }, NOWHERE);

function frameworkStruct(name: string, about: string, fields: Fields): StructIr {
  const struct = layoutStruct({ name, about, path: name }, Object.entries(fields), TABLE);
  TABLE.known.set(name, struct);
  return struct;
}

/** The first 16 bytes of every record. */
export const SONDE_HEADER: StructIr = frameworkStruct(
  'sondeHeader',
  'The first 16 bytes of every record.',
  {
    event: u16('event_base of the probe plus the index of the event in its schema'),
    flags: u16('reserved, 0'),
    size: u32('bytes of the whole record, this header included', { unit: 'bytes' }),
    ktimeNs: ktimeNs('when the record was made'),
  },
);

/** What a BPF program must know about the traced process; the session writes it before load. */
export const SONDE_TARGET: StructIr = frameworkStruct(
  'sondeTarget',
  'What a program knows about the traced process; written by the session before load.',
  {
    tgid: u32('process id, in the namespace of pidns_ino', { unit: 'pid' }),
    hasCookie: u32('1 where the kernel has attach cookies (5.15)'),
    pidnsDev: u64('device of the pid namespace, for bpf_get_ns_current_pid_tgid'),
    pidnsIno: u64('inode of the pid namespace; 0 compares the global tgid'),
    eventBase: u32('number of the first event of this probe, 256 * k'),
    goAbi: u32('how Go passes arguments: 0 on the stack (ABI0), 1 in registers'),
    tlsGOffset: s64('place of g relative to fs_base (x86_64) or TPIDR_EL0 (arm64)'),
    hasTlsG: u32('1 where g is reachable through thread-local storage'),
    gM: u32('offset of runtime.g.m', { unit: 'bytes' }),
    gGoid: u32('offset of runtime.g.goid', { unit: 'bytes' }),
    gSchedSp: u32('offset of runtime.g.sched.sp', { unit: 'bytes' }),
    gSchedBp: u32('offset of runtime.g.sched.bp', { unit: 'bytes' }),
    gStackLo: u32('offset of runtime.g.stack.lo', { unit: 'bytes' }),
    gStackHi: u32('offset of runtime.g.stack.hi', { unit: 'bytes' }),
    mG0: u32('offset of runtime.m.g0', { unit: 'bytes' }),
    mCurg: u32('offset of runtime.m.curg', { unit: 'bytes' }),
    mNcgo: u32('offset of runtime.m.ncgo', { unit: 'bytes' }),
    mNcgocall: u32('offset of runtime.m.ncgocall', { unit: 'bytes' }),
    mspanStartAddr: u32('offset of runtime.mspan.startAddr', { unit: 'bytes' }),
    mspanNpages: u32('offset of runtime.mspan.npages', { unit: 'bytes' }),
    mspanSpanclass: u32('offset of runtime.mspan.spanclass', { unit: 'bytes' }),
    mspanElemsize: u32('offset of runtime.mspan.elemsize', { unit: 'bytes' }),
    goTextStart: address('first byte of the Go text in the running process'),
    goTextEnd: address('first byte after the Go text'),
    ringWakeupBytes: u64('unread bytes from which a submit wakes the reader', { unit: 'bytes' }),
    freedSpanTypeHeap: u32('value of spanAllocType for heap spans'),
    stackCopiesMax: u32('most stacks that a CPU copies in 100 ms; 0: C code is not unwound'),
    freedSpanTypeMask: u32('which bits of the argument of freeSpanLocked hold that value'),
    sampleObjectArg: u32('which argument of mProf_Malloc is the object; its size comes next'),
    specialKind: u32('offset of runtime.special.kind', { unit: 'bytes' }),
    specialKindProfile: u32('value of that kind for sampled objects'),
    specialisedBytes: u32('largest object that a specialised mallocgc serves; 0: there is none', {
      unit: 'bytes',
    }),
    numgc: address('runtime.memstats.numgc in the running process; 0: not known'),
    callbackPc: u32('at the last frame of a callback: where the PC of the outer Go code is kept', {
      unit: 'bytes',
    }),
    callbackFrame: u32('the same: where its frame pointer chain goes on; 0: not known', {
      unit: 'bytes',
    }),
    switchStart: address(
      'first byte of the function in which such a PC lies, in the running process',
    ),
    switchEnd: address('first byte after it'),
  },
);

/** One entry of `sonde_stacks`, under the 64-bit hash of its pcs. */
export const SONDE_STACK: StructIr = frameworkStruct(
  'sondeStack',
  'One entry of sonde_stacks: return addresses, innermost first.',
  {
    count: u32('valid entries of pc, written last; 0 while they are filled in', { unit: 'count' }),
    flags: u32(
      '1: more frames than fit, 2: a read failed and the outer frames are missing, ' +
        '4: so are those beyond a callback from C, 8: so are those beyond code without unwind ' +
        'data, 16: all but the innermost frame of C are missing, 32: so are those of the C code ' +
        'that called back into Go, between the frames of Go',
    ),
    next: stackId('the stack that continues behind the last frame: Go below C; 0: none'),
    pc: array(address(), STACK_FRAMES_MAX, 'return addresses, innermost first'),
  },
);

/** A record with a thread's registers; the copied part of its stack follows. */
export const SONDE_STACK_COPY: StructIr = frameworkStruct(
  'sondeStackCopy',
  'A stack that no rule could unwind: registers, and behind this struct the copied bytes.',
  {
    event: u16('FRAMEWORK_EVENTS'),
    flags: u16('reserved, 0'),
    size: u32('bytes of the whole record', { unit: 'bytes' }),
    ktimeNs: ktimeNs('when the record was made'),
    id: stackId('provisional id under which events refer to it; bit 63 is set'),
    missing: address('return address for which there was no rule; bit 63: the exact address'),
    goStack: stackId('the Go stack that called into C, 0 if none did'),
    pc: address('where the thread was'),
    stackPointer: address('address of the first copied byte'),
    lengthBytes: u64('copied bytes that are valid', { unit: 'bytes' }),
    atEntry: u64('1 at the first instruction of a function, where no frame is set up yet'),
    registers: array(u64('value by DWARF number'), COPIED_REGISTERS, 'register values'),
  },
);

/** Indexes of `sonde_losses`: everything that a probe should have seen and did not deliver. */
export const SONDE_LOSS: EnumIr = {
  kind: 'enum',
  name: 'sondeLoss',
  about: 'Indexes of sonde_losses: what a probe should have delivered and did not.',
  scalar: 'u32',
  values: [
    { name: 'ringFull', value: 0, about: 'a record found no room in the ring' },
    { name: 'mapFull', value: 1, about: 'an entry found no room in a map' },
    { name: 'stackLost', value: 2, about: 'a stack could not be taken or stored' },
    { name: 'unpaired', value: 3, about: 'a return without its entry, or the other way round' },
    { name: 'probeMissed', value: 4, about: 'the kernel skipped a hit' },
    { name: 'readFailed', value: 5, about: 'memory of the target could not be read' },
  ],
};

/** Entries of the per-CPU array `sonde_losses`; more than the enum has, so that it can grow. */
export const LOSS_SLOTS = 16;

/** All structs of the framework, dependencies first; no schema may declare these names. */
export const FRAMEWORK_STRUCTS: readonly StructIr[] = [
  SONDE_HEADER,
  SONDE_TARGET,
  SONDE_STACK,
  SONDE_STACK_COPY,
];

/** The last field of every config struct. */
export const MODE_FIELD = u32('how the probe reports: 0 stream, 1 aggregate');
