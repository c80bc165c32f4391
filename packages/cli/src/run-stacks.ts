/**
 * The stacks of `sonde run`: a number and a few words for each row, and the whole stack once, when
 * it is first met. The fact a reader gets wrong: one stack has two ids, that of its first hits,
 * which user space unwinds, and the one that the kernel gives it later; both are the same here.
 */
import { basename } from 'node:path';
import { type Frame, StackSymbolizer } from '@sonde/core/stacks';
import { isOwnCode, isPlumbing, ownerOf } from '@sonde/memory';
import { foldGlue, keepEnd, padEnd } from '@sonde/report';
import type { JsonValue } from '@sonde/core/decode';

/** What is asked of a session; tests make their own. */
export interface StackReader {
  readStack(id: bigint): { readonly pcs: readonly bigint[]; readonly truncated?: string };
  canonicalStack(id: bigint): bigint;
}

/** What names the addresses of a stack, innermost first. */
export type FrameNamer = (pcs: readonly bigint[]) => readonly Frame[];

/** One stack that events have shown. */
interface ShownStack {
  readonly id: bigint;
  /** From 1, in the order in which they were met. */
  readonly number: number;
  readonly frames: readonly Frame[];
  readonly truncated: string | undefined;
  told: boolean;
}

const INDENT = 10;
const NAME_WIDTH = 46;
const KINDS = { c: 'C ', go: 'Go', kernel: 'K ' } as const;

/** Names a session's frames by its process's files. */
export function frameNamer(process: ConstructorParameters<typeof StackSymbolizer>[0]): FrameNamer {
  const symbolizer = new StackSymbolizer(process);
  return pcs => symbolizer.symbolize(pcs);
}

/** Remembers every stack of one run. */
export class RunStacks {
  readonly #session: StackReader;
  readonly #name: FrameNamer;
  readonly #width: number;
  readonly #raw: boolean;
  readonly #shown = new Map<bigint, ShownStack>();

  /** `raw` shows what cgo and the runtime put between C and Go too. */
  constructor(session: StackReader, name: FrameNamer, options: { width: number; raw: boolean }) {
    this.#session = session;
    this.#name = name;
    this.#width = options.width;
    this.#raw = options.raw;
  }

  /** The id under which the kernel knows a stack; the id itself where that is not known yet. */
  canonical(id: bigint): bigint {
    return this.#session.canonicalStack(id);
  }

  /** `#3 leak_node < main.handle`: the innermost frame, and the first of the program's own code. */
  cell(id: bigint): string {
    const stack = this.#stack(id);
    if (stack === undefined) return '-';
    const { frames, number } = stack;
    const inner = frames.find(frame => !isPlumbing(frame.function)) ?? frames[0];
    const owner = frames.find(isOwnCode) ?? ownerOf(frames);
    const outer = owner === undefined || owner === inner ? '' : ` < ${shortName(owner.function)}`;
    return `#${number} ${inner === undefined ? '-' : shortName(inner.function)}${outer}`;
  }

  /** The whole stack as lines, C and Go told apart, once; nothing the next time. */
  lines(id: bigint): string {
    const stack = this.#tell(id);
    if (stack === undefined) return '';
    const frames = this.#raw ? stack.frames : foldGlue(stack.frames);
    const lines = frames.map(frame => this.#line(frame));
    const { truncated } = stack;
    if (truncated !== undefined) lines.push(`${' '.repeat(INDENT)}cut: ${truncated}`);
    return lines.map(line => `${line}\n`).join('');
  }

  /** The same for programs: all frames, and why some are missing, once. */
  json(id: bigint): { readonly [key: string]: JsonValue } | undefined {
    const stack = this.#tell(id);
    return (
      stack && {
        event: 'stack',
        id: `0x${stack.id.toString(16)}`,
        frames: stack.frames.map(frameJson),
        truncated: stack.truncated ?? null,
      }
    );
  }

  #line(frame: Frame): string {
    const file = (frame.file ?? frame.module).split('/').slice(-2).join('/');
    const place = frame.line === undefined ? basename(file) : `${file}:${frame.line}`;
    const name = padEnd(keepEnd(frame.function, NAME_WIDTH), NAME_WIDTH);
    const start = `${' '.repeat(INDENT)}${KINDS[frame.kind]}  `;
    const room = this.#width - start.length - NAME_WIDTH - 2;
    return `${start}${name}  ${keepEnd(place, Math.max(12, room))}`.trimEnd();
  }

  #tell(id: bigint): ShownStack | undefined {
    const stack = this.#stack(id);
    if (stack === undefined || stack.told) return undefined;
    stack.told = true;
    return stack;
  }

  #stack(id: bigint): ShownStack | undefined {
    if (id === 0n) return undefined;
    const canonical = this.canonical(id);
    const known = this.#shown.get(canonical);
    if (known !== undefined) return known;
    const { pcs, truncated } = this.#session.readStack(canonical);
    if (pcs.length === 0) return undefined;
    const number = this.#shown.size + 1;
    const stack = { id: canonical, number, frames: this.#name(pcs), truncated, told: false };
    this.#shown.set(canonical, stack);
    return stack;
  }
}

/** A Go function without the path of its package; the type arguments of a generic one stay. */
function shortName(name: string): string {
  const end = name.search(/[[(<]/);
  const path = end < 0 ? name : name.slice(0, end);
  return name.slice(path.lastIndexOf('/') + 1);
}

function frameJson(frame: Frame): JsonValue {
  const { address, file, line, ...rest } = frame;
  return {
    ...(rest as { [key: string]: JsonValue }),
    address: `0x${address.toString(16)}`,
    file: file ?? null,
    line: line ?? null,
  };
}
