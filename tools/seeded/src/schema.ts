/**
 * A probe with one sound program and four seeded faults, on which the compatibility report proves
 * that it sees them. What a reader would get wrong: only `sound` is meant to work; each of the
 * others has to turn its own entry red, in its own cells, and nothing else.
 */
import { address, defineProbe, event, kprobe, perfSoftware, point, tid } from '@sonde/core/schema';

/** An attach point on the kernel's handler of page faults, by one program. */
function handled(name: string, about: string, symbol = 'handle_mm_fault') {
  return point(name, { about, need: 'optional', oneOf: [kprobe(symbol, { program: name })] });
}

const fields = {
  address: address('the address that was touched'),
  tid: tid('thread that touched it'),
};

export default defineProbe({
  name: 'seeded',
  about: 'Page faults, seen by one sound program and four that are each broken in one way',
  verifierBudget: { instructions: 20_000 },
  events: {
    sound: event('A fault, as it is.', fields),
    misread: event('A fault whose address is read from a wrong offset.', fields),
    absent: event('Would be sent by a function that no kernel has.', fields),
    over: event('A fault, behind code that an old verifier cannot finish with.', fields),
    silent: event('A fault that is never sent.', fields),
  },
  attach: [
    point('sound', {
      about: 'a page fault',
      oneOf: [perfSoftware('page-faults', { program: 'sound' })],
    }),
    point('misread', {
      about: 'a page fault, its address read from a wrong offset',
      oneOf: [perfSoftware('page-faults', { program: 'misread' })],
    }),
    point('absent', {
      about: 'the entry of a function that no kernel has',
      oneOf: [kprobe('sonde_no_such_function', { program: 'absent' })],
    }),
    handled('over', 'a page fault, behind too many branches for an old verifier'),
    point('silent', {
      about: 'a page fault, by a program that forgets to send it',
      oneOf: [perfSoftware('page-faults', { program: 'silent' })],
    }),
  ],
});
