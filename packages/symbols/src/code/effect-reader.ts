/**
 * Which room reads the effects of which architecture. What a reader would get wrong: the decoder of
 * x86-64 is WebAssembly and is loaded when it is first asked for.
 */
import type { Arch } from '../elf/index.js';
import type { EffectReader } from './effects.js';

/** The effect reader of an architecture; x86-64 loads its decoder when first asked for. */
export async function openEffectReader(arch: Arch): Promise<EffectReader> {
  if (arch === 'arm64') return (await import('./arm64-effects.js')).arm64Effects;
  return (await import('./x86-effects.js')).openX86Effects();
}
