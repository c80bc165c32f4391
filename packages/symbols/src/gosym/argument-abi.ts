/**
 * How Go functions of a program take their arguments. What a reader would get wrong: for one
 * release on each architecture the program's experiments decide, because registers were new there
 * and could be switched off (internal/buildcfg/exp.go); a version names only what differs from
 * that release's default, so silence means the default.
 */
import type { Arch } from '../elf/index.js';
import type { GoRelease } from './release.js';

/** Last minor release whose arguments are on the stack (src/cmd/compile/abi-internal.md). */
const LAST_ABI0: Readonly<Record<Arch, number>> = { x86_64: 16, arm64: 17 };

/**
 * Experiments that leave arguments on the stack: `regabiargs` needs all the other parts of regabi,
 * so the linker writes its name beside theirs; the alias and `none` are taken at their word too.
 */
const ON_STACK: readonly string[] = ['noregabiargs', 'noregabi', 'none'];

/** Releases in which registers can be switched off: the first that has them, by architecture. */
const SWITCHABLE: Readonly<Record<Arch, number>> = { x86_64: 17, arm64: 18 };

/** 0: arguments on the stack (ABI0); 1: in registers (ABIInternal). */
export function argumentAbi(release: Pick<GoRelease, 'minor' | 'experiments'>, arch: Arch): 0 | 1 {
  if (release.minor <= LAST_ABI0[arch]) return 0;
  const off = release.experiments.some(name => ON_STACK.includes(name));
  return off && release.minor === SWITCHABLE[arch] ? 0 : 1;
}
