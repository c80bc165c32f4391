/**
 * libbpf's messages, as lines for whoever asks. The fact that is easy to get wrong: a callback
 * may only be given `va_list` as an address, and that address is good until the callback returns.
 */
import koffi from 'koffi';
import { libbpf, libc } from './library.js';
import { NativeMemory } from './memory.js';

/** One message of libbpf without its line end; `level` is 0 warning, 1 info, 2 debug. */
export type PrintListener = (level: number, text: string) => void;

const MESSAGE_BYTES = 65536;
const listeners = new Set<PrintListener>();
let installed = false;

function install(): void {
  if (installed) return;
  installed = true;
  const buffer = new NativeMemory(MESSAGE_BYTES);
  const type = koffi.proto('int sonde_print_fn(int level, void *format, void *arguments)');
  const callback = koffi.register((level: number, format: bigint, args: bigint) => {
    if (level > 1) return 0;
    libc().vsnprintf(buffer.address, MESSAGE_BYTES, koffi.decode.string(format), args);
    const text = buffer.text().replace(/\n$/, '');
    for (const listener of listeners) listener(level, text);
    return 0;
  }, koffi.pointer(type));
  libbpf().libbpf_set_print(callback);
}

/**
 * Hears libbpf's warnings and information until the returned function is called. Without a
 * listener libbpf is silent: it never writes to our stderr. Throws as libbpf() does.
 */
export function listenToLibbpf(listener: PrintListener): () => void {
  install();
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Installs the silent printer, so that libbpf does not write to stderr on its own. */
export function silenceLibbpf(): void {
  install();
}
