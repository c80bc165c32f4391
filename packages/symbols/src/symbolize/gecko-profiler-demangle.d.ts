/** The bindings of gecko-profiler-demangle, which has types for its bundler entry only. */
declare module 'gecko-profiler-demangle/index_bg.js' {
  /** Hands the bindings the exports of the instance that they call from then on. */
  export function __wbg_set_wasm(exports: WebAssembly.Exports): void;
  /** The readable name; the symbol, maybe without its first underscore, where it is none. */
  export function demangle_any(symbol: string): string;
}

/** What is used of WebAssembly, which Node has and its types leave to the browser's. */
declare namespace WebAssembly {
  /** What an instance gives out. */
  type Exports = Readonly<Record<string, unknown>>;
  /** Compiled code. */
  class Module {
    constructor(bytes: Uint8Array);
  }
  /** Running code; `imports` by module and name. */
  class Instance {
    constructor(module: Module, imports: Readonly<Record<string, object>>);
    readonly exports: Exports;
  }
}
