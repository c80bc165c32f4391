/**
 * Readable names of C++ (Itanium) and Rust (legacy and v0) symbols, by the Firefox Profiler's
 * WebAssembly, loaded when the first mangled name is met. What a reader would get wrong: a name is
 * foreign data, and 200 bytes of it can stand for gigabytes, because a substitution may repeat what
 * holds substitutions itself; such a symbol stays as it is.
 */
import { createRequire } from 'node:module';
import * as bindings from 'gecko-profiler-demangle/index_bg.js';
import { openFileReader } from '../elf/index.js';

/** `_Z` C++ and legacy Rust, `_R` Rust v0 (rustc's RFC 2603). */
const MANGLED = /^(?:_Z|_R)[A-Za-z0-9]/;
const SYMBOL_BYTES_MAX = 4096;
/**
 * Bound of what a symbol may stand for, in bytes. Of 116,048 symbols of libstdc++, LLVM and Node
 * nine are over it; 190 bytes made by hand took 258 ms, 230 bytes 13 s and 142 MB.
 */
const EXPANDED_BYTES_MAX = 1e7;
const REFERENCE = /[ST][0-9A-Z]*_|B[0-9A-Za-z]*_/g;

let module: WebAssembly.Module | undefined;
let ready = false;

function compile(): WebAssembly.Module {
  const path = createRequire(import.meta.url).resolve('gecko-profiler-demangle/index_bg.wasm');
  const file = openFileReader(path);
  try {
    return new WebAssembly.Module(file.read(0, file.size));
  } finally {
    file.close();
  }
}

function load(): void {
  module ??= compile();
  const instance = new WebAssembly.Instance(module, { './index_bg.js': { ...bindings } });
  bindings.__wbg_set_wasm(instance.exports);
  ready = true;
}

/**
 * The most that a symbol can stand for: `n` references that each repeat all before them give at
 * most e^(n/e) times its length, which is when they are shared out over n/e levels.
 */
function expandedBytes(symbol: string): number {
  const references = symbol.match(REFERENCE)?.length ?? 0;
  return symbol.length * Math.exp(references / Math.E);
}

/**
 * The readable name of a symbol, such as `ns::f(int)` for `_ZN2ns1fEi`; the symbol itself where it
 * is not mangled, is damaged, or stands for too much. Never throws. The first mangled name costs
 * some 20 ms, each one after it some 30 µs.
 */
export function demangle(symbol: string): string {
  if (!MANGLED.test(symbol) || symbol.length > SYMBOL_BYTES_MAX) return symbol;
  if (expandedBytes(symbol) > EXPANDED_BYTES_MAX) return symbol;
  if (!ready) load();
  try {
    const name = bindings.demangle_any(symbol);
    return name === symbol.slice(1) || name === '' ? symbol : name;
  } catch {
    // A trap leaves the instance in a state that nobody knows: the next name gets a new one.
    ready = false;
    return symbol;
  }
}
