/**
 * What instructions do with registers and memory, as far as following pointers through a function
 * needs it. What a reader would get wrong: this is no emulator; whatever is not understood makes
 * the register that it changes unknown, and nothing is concluded from it.
 */
import type { Arch } from '../elf/index.js';

/** A place in memory: a register and a distance; without a register an address in the file. */
export interface MemoryPlace {
  readonly base: string | undefined;
  readonly displacement: number;
  readonly bytes: number;
}

/** One step. `sp` is the stack pointer, `g` in `thread` the goroutine that Go keeps there. */
export type Effect =
  | { readonly op: 'copy'; readonly to: string; readonly from: string }
  | { readonly op: 'constant'; readonly to: string; readonly value: number }
  | { readonly op: 'add'; readonly to: string; readonly from: string; readonly value: number }
  | { readonly op: 'sum'; readonly to: string; readonly from: readonly [string, string] }
  | { readonly op: 'shift'; readonly to: string; readonly from: string; readonly left: number }
  | { readonly op: 'load'; readonly to: string | undefined; readonly place: MemoryPlace }
  | {
      readonly op: 'store';
      readonly from: string | number | undefined;
      readonly place: MemoryPlace;
      /** An exchange, an ordered store, or a read-modify-write. */
      readonly atomic: boolean;
      /** True where the old value goes into the new one. */
      readonly updates: boolean;
    }
  | { readonly op: 'thread'; readonly to: string }
  | { readonly op: 'forget'; readonly to: string }
  | { readonly op: 'call'; readonly target: number | undefined }
  | { readonly op: 'jump'; readonly target: number | undefined; readonly always: boolean };

/** The effects of one instruction, in order. */
export interface InstructionEffects {
  readonly address: number;
  readonly effects: readonly Effect[];
}

/** Reads effects of one architecture's code. */
export interface EffectReader {
  readonly arch: Arch;
  /** Of all instructions of a stretch of code at a virtual address. */
  effects(code: Uint8Array, address: number): InstructionEffects[];
}
