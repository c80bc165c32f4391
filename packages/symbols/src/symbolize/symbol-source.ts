/**
 * Where the name of a C frame came from; reports and JSON show the value as it is. `dwarf` is a
 * call that the compiler inlined, `none` a frame without a name.
 */
export type SymbolSource =
  | 'symtab'
  | 'dynsym'
  | 'plt'
  | 'mini debug info'
  | 'build ID debug file'
  | 'debug link file'
  | 'perf map'
  | 'dwarf'
  | 'none';
