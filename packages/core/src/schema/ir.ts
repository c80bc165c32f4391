/**
 * The one representation that every printer reads: a probe's schema, evaluated, laid out, and
 * reduced to plain JSON. What a reader would get wrong: offsets and sizes here are the BPF
 * target's (64-bit little endian, natural alignment), whatever machine computed them.
 */

/**
 * Name and version of this representation; part of every hash, so a change of shape is a change.
 */
export const IR_VERSION = 'sonde.ir/1';

/** Where in the author's schema a declaration stands: repository-relative path and 1-based line. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
}

/** Integer widths of the BPF target, in bits; the sign is part of the type. */
export type ScalarName = 'u8' | 'u16' | 'u32' | 'u64' | 's8' | 's16' | 's32' | 's64' | 'bool';

/**
 * What a number means, beyond its width: decides the column's header, its formatting, and the
 * TypeScript accessor (an `address` is never shown in decimal, a `goid` never in hexadecimal).
 */
export type Unit =
  | 'none'
  | 'ktimeNs'
  | 'durationNs'
  | 'bytes'
  | 'count'
  | 'pid'
  | 'tid'
  | 'goid'
  | 'stackId'
  | 'address'
  | 'siteId'
  | 'errno';

/** The type of one field. `name` of a struct, enum or union refers into {@link ProbeIr.types}. */
export type TypeIr =
  | {
      readonly kind: 'scalar';
      readonly scalar: ScalarName;
      readonly unit: Unit;
      /** The id of the stack where the program runs, which the generated header takes. */
      readonly wholeStack?: true;
    }
  | {
      readonly kind: 'bits';
      readonly scalar: ScalarName;
      readonly bits: number;
      readonly unit: Unit;
    }
  | { readonly kind: 'enum'; readonly name: string }
  | { readonly kind: 'struct'; readonly name: string }
  | { readonly kind: 'union'; readonly name: string }
  | { readonly kind: 'string'; readonly bytes: number }
  | { readonly kind: 'bytes'; readonly bytes: number }
  | { readonly kind: 'array'; readonly of: TypeIr; readonly length: number }
  | {
      readonly kind: 'flexible';
      readonly of: TypeIr;
      readonly lengthField: string;
      readonly maxLength: number;
    };

/** One field with its place. Padding is explicit: `padding` fields fill every hole by name. */
export interface FieldIr {
  /** camelCase as the author wrote it; C prints it in snake_case. */
  readonly name: string;
  readonly about: string;
  readonly type: TypeIr;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** For bit-fields: first bit inside the storage unit at offsetBytes, counted from the lowest. */
  readonly bitOffset?: number;
  readonly padding?: true;
  /** The author's doc comment above the field, if any; never part of the hash. */
  readonly doc?: string;
  readonly source?: SourcePosition;
}

/** A laid-out struct. */
export interface StructIr {
  readonly kind: 'struct';
  readonly name: string;
  readonly about: string;
  readonly sizeBytes: number;
  readonly alignBytes: number;
  readonly fields: readonly FieldIr[];
  readonly source?: SourcePosition;
}

/** An enum: explicit values, one scalar of storage. */
export interface EnumIr {
  readonly kind: 'enum';
  readonly name: string;
  readonly about: string;
  readonly scalar: ScalarName;
  readonly values: readonly {
    readonly name: string;
    readonly value: number;
    readonly about: string;
  }[];
  readonly source?: SourcePosition;
}

/** A tagged union: the tag is a field of the enclosing struct; every variant starts at offset 0. */
export interface UnionIr {
  readonly kind: 'union';
  readonly name: string;
  readonly about: string;
  readonly tagField: string;
  readonly sizeBytes: number;
  readonly alignBytes: number;
  readonly variants: readonly { readonly tag: string; readonly struct: string }[];
  readonly source?: SourcePosition;
}

/** A record that the probe sends; `struct.fields[0]` is always the 16-byte `header`. */
export interface EventIr {
  readonly name: string;
  /** Position in the probe's list: the low byte of the header's event number. */
  readonly index: number;
  readonly about: string;
  readonly struct: StructIr;
  readonly source?: SourcePosition;
}

/** A number known at schema time, or a parameter's name that decides it at load. */
export type SizeIr = number | { readonly param: string };

/** A BPF map of the probe. Ring, stacks, sites, hits and losses belong to the framework. */
export interface MapIr {
  readonly name: string;
  readonly about: string;
  readonly kind:
    | 'hash'
    | 'lruHash'
    | 'percpuHash'
    | 'lruPercpuHash'
    | 'array'
    | 'percpuArray'
    | 'ringbuf'
    | 'stackTrace';
  readonly key?: TypeIr;
  readonly value?: TypeIr;
  readonly maxEntries: SizeIr;
  readonly source?: SourcePosition;
}

/** A `const volatile` value set before load, a CLI flag, and a line of the docs. */
export interface ParamIr {
  readonly name: string;
  readonly about: string;
  readonly scalar: ScalarName;
  readonly unit: Unit;
  readonly default: number;
  readonly source?: SourcePosition;
}

/** How a program gets to its hits. One alternative of one attach point. */
export type AttachIr =
  | {
      readonly kind: 'cFunction' | 'cReturn';
      readonly name: string;
      readonly program: string;
      readonly symbol: string;
      /** `libc`: the C library that the target maps, or the executable when it is static. */
      readonly library: 'libc' | 'executable' | { readonly soname: string };
      readonly limits?: string;
    }
  | {
      readonly kind: 'goEntry' | 'goReturn';
      readonly name: string;
      readonly program: string;
      /**
       * First symbol that exists in the target wins, e.g. `runtime.mallocgcLarge`. With `all`,
       * every function that matches one of them, and each must match one; a trailing `*` matches
       * the rest of a name.
       */
      readonly symbols: readonly string[];
      readonly all?: true;
      /** More of them, of which the target may lack any; only with `all`. */
      readonly also?: readonly string[];
      /** Not where the target has a function that matches one of these. */
      readonly unless?: readonly string[];
      /** What must be switched on in the target, or the hits would never come. */
      readonly needs?: 'memoryProfiling';
      /** The function runs on the system stack: whole stacks begin where the goroutine left. */
      readonly systemStack?: true;
      readonly limits?: string;
    }
  | {
      /**
       * On every CALL of `callee` inside `caller`: the arguments are in place, CALL is emulated.
       */
      readonly kind: 'goCall';
      readonly name: string;
      readonly program: string;
      readonly caller: string;
      readonly callee: string;
      /** Only where the code shows that the call's first argument is what `caller` will return. */
      readonly passesResult?: true;
      readonly limits?: string;
    }
  | {
      readonly kind:
        'kprobe' | 'kretprobe' | 'fentry' | 'fexit' | 'rawTracepoint' | 'btfTracepoint';
      readonly name: string;
      readonly program: string;
      readonly symbol: string;
      readonly limits?: string;
    }
  | {
      readonly kind: 'tracepoint';
      readonly name: string;
      readonly program: string;
      readonly category: string;
      readonly symbol: string;
      readonly limits?: string;
    }
  | {
      /** perf software event, period 1, opened on every CPU. */
      readonly kind: 'perfSoftware';
      readonly name: string;
      readonly program: string;
      readonly symbol: 'page-faults';
      readonly limits?: string;
    };

/** Something that must be seen: the first alternative that works is attached, and named. */
export interface AttachPointIr {
  readonly name: string;
  readonly about: string;
  /** `required`: no alternative works = error. `optional`: reported, claims lowered. */
  readonly need: 'required' | 'optional';
  /** Attached only where this parameter is not 0; absent: always. */
  readonly when?: { readonly param: string };
  /** `last`: deaths, which the brake gives up after all births: a missed one looks like a leak. */
  readonly brake?: 'last';
  readonly oneOf: readonly AttachIr[];
  readonly source?: SourcePosition;
}

/**
 * What verifying any one program of the probe may take, on any kernel. The compatibility report
 * holds it against what the verifiers said; nothing is refused at load because of it.
 */
export interface VerifierBudgetIr {
  /** Most instructions processed; kernels give up at 1,000,000 (include/linux/bpf.h). */
  readonly instructions: number;
  /** Most states kept in all. */
  readonly states?: number;
  /** A program that takes this many times what is recorded fails too; 2 when left out. */
  readonly growth?: number;
}

/**
 * A schema after evaluation: what codegen prints from, the loader reads, and an object's hash is
 * taken of. Everything in it is plain JSON.
 */
export interface ProbeIr {
  readonly ir: typeof IR_VERSION;
  readonly name: string;
  readonly about: string;
  /** Absent: programs are only compared with what was recorded. Never part of the hash. */
  readonly verifierBudget?: VerifierBudgetIr;
  readonly types: readonly (StructIr | EnumIr | UnionIr)[];
  readonly events: readonly EventIr[];
  readonly maps: readonly MapIr[];
  readonly params: readonly ParamIr[];
  readonly attach: readonly AttachPointIr[];
  /** `stream`: every event; `aggregate`: maps in BPF, read in batches. First is the default. */
  readonly modes: readonly ('stream' | 'aggregate')[];
  /**
   * The struct that fills section `.rodata.sonde`: `schemaHash`, `target` (a `sondeTarget` of the
   * framework's structs), the parameters in their order, `mode` (0 stream, 1 aggregate).
   */
  readonly config: StructIr;
  /** Hex, 32 digits: SHA-256 of the canonical JSON without sources, abouts and this field. */
  readonly hash: string;
}
