/**
 * What the probe of memory mappings declares. What a reader would get wrong: it sees the target's
 * system calls as they end. A range that is mapped says nothing of memory in use; that is what page
 * faults tell.
 */
import * as s from '@sonde/core/schema';

export default s.defineProbe({
  name: 'mmap',
  about: 'Address space that a process maps, unmaps, moves or gives back, by stack',
  verifierBudget: { instructions: 250_000, states: 6_000 },
  types: { call: s.mappingCall, protection: s.protection },
  events: {
    change: s.event('A system call that changes the address space has ended.', {
      address: s.address('first address of the range; 0 where mmap or mremap failed'),
      bytes: s.bytesCount('size of the range, as the caller gave it'),
      oldAddress: s.address('mremap: where the range was'),
      oldBytes: s.bytesCount('mremap: how large it was'),
      stack: s.wholeStack('the stack that made the call'),
      tid: s.tid('thread that made it'),
      error: s.errno('0, or the error number with which the call failed'),
      call: s.named('call', 'which call it was'),
      protection: s.named('protection', 'mmap: what the range may be used for'),
    }),
  },
  attach: [
    s.point('exit', {
      about: 'the end of a system call',
      oneOf: [s.rawTracepoint('sys_exit', { name: 'raw', program: 'call_exit' })],
    }),
  ],
});
