/**
 * Room stacks: from the addresses of a stack to source frames. What a reader would get wrong: all
 * addresses but the innermost are return addresses, which point behind the call; the call itself
 * is one byte before, and only there are line and inlined frames right.
 */
import {
  findDebugFile,
  type Frame,
  type InlinedFrame,
  namedFrame,
  Symbolizer,
} from '@sonde/symbols';
import type { Target } from '../target/index.js';
import type { Module } from '../target/modules.js';
import { InlinedCalls } from './inlined-calls.js';

export type { Frame };
export { CodeRules, type CodeSource } from './code-rules.js';
export { CopiedStacks, type CopiedStack, type CopyCounts, PROVISIONAL } from './copied-stacks.js';
export { InlinedCalls };
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
export type StackTarget = Pick<Target, 'moduleAt' | 'maps' | 'go' | 'refreshMaps'> &
  Partial<Pick<Target, 'perfMap' | 'perfMapNotes'>>;

/** How a {@link StackSymbolizer} names. */
export interface NameOptions {
  /** Shows calls that a C compiler inlined, where debug information tells them. Default none. */
  readonly inlined?: InlinedCalls;
}

/** Where debug files are looked for: as the target sees the file system, then as we do. */
function rootsOf(module: Module): readonly string[] {
  const process = /^\/proc\/\d+\//.exec(module.openPath)?.[0];
  return process === undefined ? [''] : [`${process}root`, ''];
}

interface NamedFile {
  readonly module: Module;
  readonly symbolizer: Symbolizer;
  /** What has the debug information; found when inlined calls are first asked for. */
  debugPath?: string;
}

/** Names stacks of one target; keeps one symbolizer per mapped file and one answer per address. */
export class StackSymbolizer {
  readonly #target: StackTarget;
  readonly #inlined: InlinedCalls | undefined;
  readonly #files = new Map<Module, NamedFile>();
  readonly #nameless = new Set<Module>();
  readonly #cache = new Map<bigint, readonly Frame[]>();

  constructor(target: StackTarget, options: NameOptions = {}) {
    this.#target = target;
    this.#inlined = options.inlined;
  }

  /** Frames of a stack, innermost first, inlined calls included. */
  symbolize(pcs: readonly bigint[], options: StackOptions = {}): Frame[] {
    const isExact = (index: number): boolean => index === 0 && options.innermostExact === true;
    if (this.#inlined !== undefined) this.#addInlined(this.#inlined, pcs, isExact);
    return pcs.flatMap((pc, index) => this.framesAt(pc, isExact(index)));
  }

  /** Frames of one address; `exact` when it is an instruction's and not a return address. */
  framesAt(pc: bigint, exact: boolean): readonly Frame[] {
    const key = keyOf(pc, exact);
    let frames = this.#cache.get(key);
    if (frames === undefined) {
      frames = this.#lookup(lookupOf(pc, exact), pc);
      this.#cache.set(key, frames);
    }
    return frames;
  }

  /**
   * What a reader must know of the names given so far, a sentence each: files that were deleted
   * or replaced, or could not be read, and debug files, perf maps and tools that were refused.
   */
  notes(): readonly string[] {
    const files = [...this.#files.values()];
    const modules = [...files.map(({ module }) => module), ...this.#nameless];
    return [
      ...modules.flatMap(({ note }) => note ?? []),
      ...files.flatMap(({ symbolizer }) => symbolizer.refused.map(why => `not read: ${why}`)),
      ...(this.#target.perfMapNotes?.() ?? []),
      ...(this.#inlined?.notes ?? []),
    ];
  }

  #lookup(lookup: bigint, address: bigint): readonly Frame[] {
    const name = `0x${address.toString(16)}`;
    if (lookup >= KERNEL_START) {
      return [{ function: name, module: '[kernel]', kind: 'kernel', inlined: false, address }];
    }
    const file = this.#fileAt(lookup);
    if (file !== undefined) {
      return file.symbolizer.frames(Number(lookup - file.module.bias), address);
    }
    const module = this.#target.moduleAt(lookup);
    if (module !== undefined) this.#nameless.add(module);
    const mapped = this.#target.maps().find(m => lookup >= m.start && lookup < m.end);
    const path = (module ?? mapped)?.path || '[unknown]';
    if (module === undefined) {
      const hit = this.#target.perfMap?.()?.at(Number(lookup));
      if (hit !== undefined) return [namedFrame(hit.name, 'perf map', path, address)];
    }
    return [namedFrame(name, 'none', path, address)];
  }

  /** The readable file whose code holds an address, opened for names when first met. */
  #fileAt(lookup: bigint): NamedFile | undefined {
    let module = this.#target.moduleAt(lookup);
    if (module === undefined && this.#target.refreshMaps()) module = this.#target.moduleAt(lookup);
    if (module?.elf === undefined) return undefined;
    let file = this.#files.get(module);
    if (file === undefined) {
      const pclntab = module.executable ? this.#target.go.pclntab : undefined;
      const { elf, path } = module;
      file = { module, symbolizer: new Symbolizer(elf, path, pclntab, rootsOf(module)) };
      this.#files.set(module, file);
    }
    return file;
  }

  /** Puts frames with inlined calls into the cache: one question for all addresses of a file. */
  #addInlined(
    inlined: InlinedCalls,
    pcs: readonly bigint[],
    isExact: (index: number) => boolean,
  ): void {
    const asked = new Map<NamedFile, { readonly key: bigint; readonly vaddr: number }[]>();
    pcs.forEach((pc, index) => {
      const key = keyOf(pc, isExact(index));
      if (this.#cache.has(key)) return;
      const [frame] = this.framesAt(pc, isExact(index));
      const lookup = lookupOf(pc, isExact(index));
      const file = frame?.kind === 'c' ? this.#fileAt(lookup) : undefined;
      if (file === undefined) return;
      const vaddr = Number(lookup - file.module.bias);
      asked.set(file, [...(asked.get(file) ?? []), { key, vaddr }]);
    });
    for (const [file, questions] of asked) {
      const path = (file.debugPath ??= debugPathOf(file.module));
      const answers = inlined.framesOf(
        path,
        questions.map(question => question.vaddr),
      );
      for (const { key, vaddr } of questions) {
        const answer = answers.get(vaddr);
        const symbol = this.#cache.get(key)?.[0];
        if (answer !== undefined && symbol !== undefined) {
          this.#cache.set(key, withInlined(symbol, answer));
        }
      }
    }
  }
}

/** The byte whose function is asked for: a call's last byte for a return address. */
function lookupOf(pc: bigint, exact: boolean): bigint {
  return exact || pc === 0n ? pc : pc - 1n;
}

/** The sign tells the two readings of one address apart: their frames may differ. */
function keyOf(pc: bigint, exact: boolean): bigint {
  return exact ? -pc : pc;
}

/** The file with debug information: a debug file of its build, else what is mapped. */
function debugPathOf(module: Module): string {
  const found = findDebugFile(module.elf!, { roots: rootsOf(module), path: module.path });
  found.close();
  return found.elf === undefined ? module.openPath : found.path;
}

/** The frames of DWARF; the outermost keeps the symbol's name, which knows clones and aliases. */
function withInlined(symbol: Frame, answer: readonly InlinedFrame[]): readonly Frame[] {
  return answer.map((frame, index) => {
    const last = index === answer.length - 1;
    const named = namedFrame(frame.symbol, 'dwarf', symbol.module, symbol.address);
    return {
      ...(last && symbol.symbolSource !== 'none' ? symbol : named),
      inlined: frame.inlined,
      ...(frame.file !== undefined && { file: frame.file }),
      ...(frame.line !== undefined && { line: frame.line }),
    };
  });
}

/** Frames of one stack; for many stacks keep a {@link StackSymbolizer}. */
export function symbolizeStack(
  target: StackTarget,
  pcs: readonly bigint[],
  options: StackOptions = {},
): Frame[] {
  return new StackSymbolizer(target).symbolize(pcs, options);
}
