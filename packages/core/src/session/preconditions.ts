/**
 * What a session needs of the kernel before anything is loaded. The fact that is easy to get wrong:
 * a kernel that lacks something is an UnsupportedError, a user who lacks a right is a UsageError.
 */
import { UnsupportedError, UsageError } from '../errors.js';
import type { Features } from '../loader/index.js';
import type { SessionTarget } from './session-types.js';

/** Every probe needs the ring; without the right to make one, nothing else would work. */
export function checkRing(target: SessionTarget, features: Features): void {
  const { name, since, available, evidence, hint } = features.get('ringBuffer');
  if (available) return;
  const { pid } = target.info;
  if (hint !== undefined) throw new UsageError(`trace ${pid}: no right: ${evidence}`, { hint });
  throw new UnsupportedError(
    `trace ${pid}: ${name} (Linux ${since}) is not available: ${evidence}`,
    { feature: name, since },
    { hint: 'trace inside a guest with a newer kernel' },
  );
}

/** In a pid namespace of our own, probes can only tell the target by a helper of Linux 5.7. */
export function checkPidNamespace(target: SessionTarget, features: Features): void {
  if (BigInt(target.config()['pidnsIno'] ?? 0) === 0n) return;
  const { name, since, available, evidence } = features.get('pidNamespace');
  if (available) return;
  const lack = `${name} (Linux ${since}) is not available: ${evidence}`;
  throw new UnsupportedError(
    `trace ${target.info.pid} within a pid namespace: ${lack}`,
    { feature: name, since },
    { hint: 'run in the initial pid namespace, e.g. with docker run --pid=host' },
  );
}
