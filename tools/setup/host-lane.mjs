/**
 * Exits with 0 when the host lane works on this machine and 1 when it does not, after a line saying
 * why. What a reader would get wrong: "does not work" is an answer, never a failure.
 */
import { askDoctor } from './lane.mjs';

const { works, why } = askDoctor();
console.log(`host lane: ${works ? 'works' : 'does not work'}, ${why}`);
process.exitCode = works ? 0 : 1;
