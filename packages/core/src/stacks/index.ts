/**
 * Room stacks: from the addresses of a stack to source frames. What a reader would get wrong: all
 * addresses but the innermost are return addresses, which point behind the call; the call itself
 * is one byte before, and only there are line and inlined frames right.
 */
import { type Frame, Symbolizer } from '@sonde/symbols';
import type { Target } from '../target/index.js';
import type { Module } from '../target/modules.js';

export type { Frame };
export { CodeRules, type CodeSource } from './code-rules.js';
export {
  CopiedStacks,
  type CopiedStack,
  type CopyCounts,
  mixStack,
  PROVISIONAL,
} from './copied-stacks.js';
export { RuleTable, ruleKey, RULE_SLOTS, RULE_TABLE_BYTES } from './rule-table.js';

/** Addresses from here on belong to the kernel on both architectures (upper half). */
const KERNEL_START = 0xffff_0000_0000_0000n;

/** How the innermost address of a stack is to be read. */
export interface StackOptions {
  /**
   * True where the first address is that of an instruction (a probe's own place), false where it
   * is a return address like all the others. Default false.
   */
  readonly innermostExact?: boolean;
}

/** What stacks need of a target; a Target is one, live or exited. */
export type StackTarget = Pick<Target, 'moduleAt' | 'maps' | 'go' | 'refreshMaps'>;

/** Where debug files are looked for: as the target sees the file system, then as we do. */
function rootsOf(module: Module): readonly string[] {
  const process = /^\/proc\/\d+\//.exec(module.openPath)?.[0];
  return process === undefined ? [''] : [`${process}root`, ''];
}

/** Names stacks of one target; keeps one symbolizer per mapped file and one answer per address. */
export class StackSymbolizer {
  readonly #target: StackTarget;
  readonly #files = new Map<Module, Symbolizer>();
  readonly #cache = new Map<bigint, readonly Frame[]>();

  constructor(target: StackTarget) {
    this.#target = target;
  }

  /** Frames of a stack, innermost first, inlined calls included. */
  symbolize(pcs: readonly bigint[], options: StackOptions = {}): Frame[] {
    return pcs.flatMap((pc, index) => {
      const exact = index === 0 && options.innermostExact === true;
      return this.framesAt(pc, exact);
    });
  }

  /** Frames of one address; `exact` when it is an instruction's and not a return address. */
  framesAt(pc: bigint, exact: boolean): readonly Frame[] {
    const lookup = exact || pc === 0n ? pc : pc - 1n;
    // The sign tells the two readings of one address apart: their frames may differ.
    const key = exact ? -pc : pc;
    let frames = this.#cache.get(key);
    if (frames === undefined) {
      frames = this.#lookup(lookup, pc);
      this.#cache.set(key, frames);
    }
    return frames;
  }

  #lookup(lookup: bigint, address: bigint): readonly Frame[] {
    const name = `0x${address.toString(16)}`;
    if (lookup >= KERNEL_START) {
      return [{ function: name, module: '[kernel]', kind: 'kernel', inlined: false, address }];
    }
    let module = this.#target.moduleAt(lookup);
    if (module === undefined && this.#target.refreshMaps()) module = this.#target.moduleAt(lookup);
    if (module?.elf === undefined) {
      const mapped = this.#target.maps().find(m => lookup >= m.start && lookup < m.end);
      const path = (module ?? mapped)?.path || '[unknown]';
      return [{ function: name, module: path, kind: 'c', inlined: false, address }];
    }
    let file = this.#files.get(module);
    if (file === undefined) {
      const pclntab = module.executable ? this.#target.go.pclntab : undefined;
      file = new Symbolizer(module.elf, module.path, pclntab, rootsOf(module));
      this.#files.set(module, file);
    }
    return file.frames(Number(lookup - module.bias), address);
  }
}

/** Frames of one stack; for many stacks keep a {@link StackSymbolizer}. */
export function symbolizeStack(
  target: StackTarget,
  pcs: readonly bigint[],
  options: StackOptions = {},
): Frame[] {
  return new StackSymbolizer(target).symbolize(pcs, options);
}
