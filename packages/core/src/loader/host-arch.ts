/**
 * Which of the two supported machines this process runs on. What a reader would get wrong: Node
 * and Linux name the same machine differently; objects are named as the compiler does.
 */
import { LoadError } from '../errors.js';

/** Names of the BPF objects' architectures. */
export type Arch = 'x86_64' | 'arm64';

/** The architecture of this process. Throws LoadError on others than the two that are supported. */
export function hostArch(): Arch {
  if (process.arch === 'x64') return 'x86_64';
  if (process.arch === 'arm64') return 'arm64';
  throw new LoadError(`load a probe: no objects exist for architecture ${process.arch}`);
}
