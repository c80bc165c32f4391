/**
 * Whole stacks of a session: the table of rules that BPF walks by, the copies that it sends where a
 * rule is missing, and stacks by id from either side. What a reader would get wrong: an id with
 * bit 63 set is provisional; the same stack has another id once the rules are known, and
 * `canonical` leads from one to the other.
 */
import { Mapping, type MapHandle } from '../libbpf/index.js';
import {
  type CodeSource,
  CodeRules,
  CopiedStacks,
  type CopyCounts,
  PROVISIONAL,
  RuleTable,
  RULE_TABLE_BYTES,
} from '../stacks/index.js';
import { FRAMEWORK_EVENTS, SONDE_STACK_COPY } from '../schema/index.js';
import type { SessionTarget } from './session-types.js';

/** A target whose code can be looked up, as that of a real process can. */
export type UnwindableTarget = SessionTarget & CodeSource;

/** Whether a target knows its code; fixtures of tests may not. */
export function isUnwindable(target: SessionTarget): target is UnwindableTarget {
  return 'moduleAt' in target && 'maps' in target && 'readMemory' in target;
}

/** Executable ranges, to notice that one has gone. */
function codeRanges(target: UnwindableTarget): ReadonlySet<string> {
  const code = target.maps().filter(map => map.executable && map.inode !== 0);
  return new Set(code.map(map => `${map.start}-${map.end} ${map.device}:${map.inode}`));
}

/** Unwinds for one session. */
export class WholeStacks {
  readonly #target: UnwindableTarget;
  readonly #mapping: Mapping;
  readonly #copies: CopiedStacks;
  #code: ReadonlySet<string>;
  #forgotten = 0;

  /** Maps the table of the session. Throws Error where the kernel refuses. */
  constructor(target: UnwindableTarget, rules: MapHandle) {
    this.#target = target;
    this.#code = codeRanges(target);
    this.#mapping = new Mapping({
      fd: rules.fd,
      lengthBytes: RULE_TABLE_BYTES,
      offsetBytes: 0,
      access: 'read-write',
    });
    const { goTextStart = 0, goTextEnd = 0 } = target.config();
    const [start, end] = [Number(goTextStart), Number(goTextEnd)];
    const arch = process.arch === 'arm64' ? 'arm64' : 'x86_64';
    this.#copies = new CopiedStacks(
      arch,
      new CodeRules(arch, target),
      new RuleTable(this.#mapping.buffer),
      address => address >= start && address < end,
    );
  }

  /** Copies taken, rules known; and how often the rules were forgotten because code went away. */
  get counts(): CopyCounts & { readonly forgotten: number } {
    return { ...this.#copies.counts, forgotten: this.#forgotten };
  }

  /** A record that will be read later: rules that it asks for are installed now. */
  readonly foresee = (view: DataView, offset: number, sizeBytes: number): void => {
    const isCopy = sizeBytes >= SONDE_STACK_COPY.sizeBytes;
    if (isCopy && view.getUint16(offset, true) === FRAMEWORK_EVENTS) {
      this.#copies.foresee(view, offset, sizeBytes);
    }
  };

  /** One record of the ring. */
  readonly accept = (view: DataView, offset: number, sizeBytes: number): void => {
    this.#copies.accept(view, offset, sizeBytes);
  };

  /** Compares the mappings with the last look; code that is gone takes all rules with it. */
  checkCode(): void {
    const code = codeRanges(this.#target);
    const gone = [...this.#code].some(range => !code.has(range));
    this.#code = code;
    if (!gone) return;
    this.#forgotten++;
    this.#copies.forgetRules();
  }

  /** Whether this id needs nothing more out of the ring. */
  knows(id: bigint): boolean {
    return id < PROVISIONAL || this.#copies.stack(id) !== undefined;
  }

  /** The id under which BPF knows the same stack. */
  canonical(id: bigint): bigint {
    return id < PROVISIONAL ? id : this.#copies.canonical(id);
  }

  /** A stack that user space unwound. */
  stack(id: bigint): ReturnType<CopiedStacks['stack']> {
    return this.#copies.stack(id);
  }

  /** Gives the table back. */
  close(): void {
    this.#mapping.close();
  }
}
