/**
 * What a probe of the target's address space declares: the calls that change it, and what a range
 * may be used for. What a reader would get wrong: the numbers of `protection` are the kernel's
 * bits, so that C stores what mmap was given.
 */
import { enumOf } from './definition.js';

/** System calls that change an address space: in C `enum sonde_mapping_call`, printed from here. */
export const mappingCall = enumOf('A system call that changes the address space.', {
  mmap: 'maps a range',
  munmap: 'unmaps a range',
  mremap: 'moves a range, or changes its size',
  brk: 'moves the end of the heap; the range is the whole heap afterwards',
  dontneed: 'madvise with MADV_DONTNEED: gives the pages of a range back, which stays mapped',
});

/** PROT_READ 1, PROT_WRITE 2 and PROT_EXEC 4 in one word. */
export const protection = enumOf('What may be done with a range.', {
  none: 'nothing, or the call does not say',
  r: 'read',
  w: 'write',
  rw: 'read and write',
  x: 'execute',
  rx: 'read and execute',
  wx: 'write and execute',
  rwx: 'everything',
});
