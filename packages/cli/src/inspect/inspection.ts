/**
 * What `sonde inspect` knows of a program's file. The fact a reader gets wrong: addresses are those
 * of the file, in hexadecimal text; a running process adds its load bias. `null` is "not known" or
 * "there is none". Described by `sonde.inspect-1.schema.json`, which tests hold it to.
 */

/** One instruction at which a probe would go. */
export interface HookSite {
  readonly function: string;
  readonly module: string;
  readonly address: string;
  readonly fileOffset: number;
  readonly instruction: string;
  /** What a hit costs: the kernel emulates the instruction, or runs a copy of it (dearer). */
  readonly costClass: 'emulated' | 'single-stepped';
}

/** One way to see an attach point. */
export interface HookAlternative {
  readonly name: string;
  readonly kind: string;
  /**
   * `first`: what a trace would take. `works`: would be taken if those before it failed.
   * `kernel`: lies in the kernel and is decided when attached. `library`: lies in the C library
   * that the process maps. `missing`: not in this program; `reason` says why.
   */
  readonly state: 'first' | 'works' | 'kernel' | 'library' | 'missing';
  readonly reason: string | null;
  readonly sites: readonly HookSite[];
}

/** One thing that a probe sees, and the ways to it. */
export interface Hook {
  readonly probe: string;
  readonly point: string;
  readonly about: string;
  readonly need: 'required' | 'optional';
  /** The parameter that switches it on; null where it is always on. */
  readonly when: string | null;
  readonly alternatives: readonly HookAlternative[];
}

/** Something that this program lacks, and what follows from it. */
export interface Missing {
  readonly what: string;
  readonly follows: string;
}

/** Everything, as it is printed with `--json`. */
export interface Inspection {
  readonly schema: 'sonde.inspect/1';
  readonly path: string;
  readonly pid: number | null;
  readonly sizeBytes: number;
  readonly arch: 'x86_64' | 'arm64';
  readonly release: { readonly name: string; readonly foundBy: string } | null;
  readonly buildMode: string;
  readonly module: { readonly path: string; readonly version: string } | null;
  readonly package: string | null;
  readonly settings: Readonly<Record<string, string>>;
  readonly stripped: boolean;
  readonly pie: boolean;
  readonly cgo: boolean;
  readonly static: boolean;
  readonly buildIds: { readonly gnu: string | null; readonly go: string | null };
  readonly pclntab: {
    /** The release that introduced the layout, such as `go1.20`. */
    readonly layout: string;
    readonly foundBy: string;
    readonly address: string;
    readonly fileOffset: number;
    readonly functions: number;
  };
  readonly moduledata: {
    readonly address: string;
    readonly text: string;
    readonly etext: string;
  };
  /** 0: arguments on the stack; 1: in registers. */
  readonly goAbi: 0 | 1;
  /** Where g lies from the thread pointer; null where it is not stored there or not known. */
  readonly tlsG: {
    readonly offset: number | null;
    readonly slot: string | null;
    readonly foundBy: string;
  } | null;
  /** By which rung of the ladder the runtime's offsets are known; null where none holds. */
  readonly tableRung: string | null;
  readonly allocator: {
    readonly in: 'program' | 'library' | 'none' | 'unknown';
    readonly libraries: readonly string[];
  };
  /**
   * Where names of the program's own C functions come from, best first, and the debug files that
   * were there and were refused, each with its reason; null for a program without C.
   */
  readonly cSymbols: {
    readonly sources: readonly string[];
    readonly refused: readonly string[];
  } | null;
  readonly hooks: readonly Hook[];
  readonly missing: readonly Missing[];
}
