/** Where the name of a C function came from; reports and JSON show the value as it is. */
export type SymbolSource =
  'symtab' | 'dynsym' | 'plt' | 'mini debug info' | 'build ID debug file' | 'debug link file';
