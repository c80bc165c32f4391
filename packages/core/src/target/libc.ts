/**
 * Which mapped file is the target's C allocator. What a reader would get wrong: it is the file
 * whose `malloc` the program calls, which is not the C library where the program, or a library
 * such as jemalloc, defines malloc itself; and the dynamic loader's own malloc is never it.
 */
import { basename } from 'node:path';
import { type ElfSymbol, STT_FUNC, STT_GNU_IFUNC } from '@sonde/symbols';
import type { Module } from './modules.js';

const LIBC_NAME = /^(libc\.so|libc-\d|ld-musl-|libc\.musl-)/;
const LOADER_NAME = /^(ld-linux|ld-\d|ld\.so)/;

/** Function symbols of that name; exported ones first. */
export function functionSymbols(module: Module, name: string): ElfSymbol[] {
  const { elf } = module;
  if (elf === undefined) return [];
  const wanted = (s: ElfSymbol): boolean =>
    s.name === name && s.value !== 0 && (s.type === STT_FUNC || s.type === STT_GNU_IFUNC);
  const exported = elf.dynamicSymbols().filter(wanted);
  return exported.length > 0 ? exported : elf.symbols().filter(wanted);
}

/** The module whose malloc the program calls; undefined where nothing mapped defines one. */
export function findAllocator(modules: readonly Module[]): Module | undefined {
  const definers = modules.filter(
    m => !LOADER_NAME.test(basename(m.path)) && functionSymbols(m, 'malloc').length > 0,
  );
  // Symbols are looked up in the program first, then in preloaded and linked libraries before
  // the C library itself, which every program maps last or nearly so.
  const rank = (m: Module): number => (m.executable ? 0 : LIBC_NAME.test(basename(m.path)) ? 2 : 1);
  return [...definers].sort((a, b) => rank(a) - rank(b))[0];
}

/** The C library proper (glibc or musl), or undefined in static programs. */
export function findLibc(modules: readonly Module[]): Module | undefined {
  return modules.find(m => LIBC_NAME.test(basename(m.path)));
}
