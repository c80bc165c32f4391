/**
 * The two shared libraries behind everything that speaks BPF, bound with koffi on first use. The
 * fact that is easy to get wrong: importing this file loads neither, so a machine without libbpf
 * can still import all of core; the first call throws the error that says what to install.
 */
import koffi, { type KoffiFunc, type LibraryHandle } from 'koffi';
import { UnsupportedError } from '../errors.js';

/** An address in our own process; `null` where C says NULL. koffi hands pointers out as bigint. */
export type Pointer = bigint | null;

/** Memory that C may read or write during one call: a Node buffer, a typed array, or an address. */
export type Bytes = ArrayBufferView | Pointer;

/** Options of `bpf_object__open_mem`, in the order of libbpf 1.1's struct (later ones only add). */
const OPEN_OPTIONS = {
  sz: 'size_t',
  object_name: 'str',
  relaxed_maps: 'bool',
  pin_root_path: 'str',
  removed: 'uint32',
  kconfig: 'str',
  btf_custom_path: 'str',
  kernel_log_buf: 'void *',
  kernel_log_size: 'size_t',
  kernel_log_level: 'uint32',
} as const;

/** Options of `bpf_program__attach_uprobe_opts`, libbpf 1.1. */
const UPROBE_OPTIONS = {
  sz: 'size_t',
  ref_ctr_offset: 'size_t',
  bpf_cookie: 'uint64',
  retprobe: 'bool',
  func_name: 'str',
} as const;

/**
 * Options of `bpf_program__attach_kprobe_opts`. `attach_mode` came after 1.1 into what was padding
 * there, so it is named here: unnamed, its bytes would not be certain to be zero.
 */
const KPROBE_OPTIONS = {
  sz: 'size_t',
  bpf_cookie: 'uint64',
  offset: 'size_t',
  retprobe: 'bool',
  attach_mode: 'int',
} as const;

/** Options that carry only a cookie: tracepoint, perf event and trace links. */
const COOKIE_OPTIONS = { sz: 'size_t', bpf_cookie: 'uint64' } as const;

/** One declaration per function of libbpf that we call, in C, exactly as its header spells it. */
const LIBBPF_DECLARATIONS = {
  libbpf_version_string: 'const char *libbpf_version_string(void)',
  libbpf_set_print: 'void *libbpf_set_print(void *fn)',
  libbpf_num_possible_cpus: 'int libbpf_num_possible_cpus(void)',
  bpf_object__open_mem:
    'void *bpf_object__open_mem(const void *buf, size_t sz, sonde_open_options *opts)',
  bpf_object__load: 'int bpf_object__load(void *obj)',
  bpf_object__close: 'void bpf_object__close(void *obj)',
  bpf_object__next_map: 'void *bpf_object__next_map(void *obj, void *map)',
  bpf_object__find_map_by_name: 'void *bpf_object__find_map_by_name(void *obj, const char *name)',
  bpf_object__next_program: 'void *bpf_object__next_program(void *obj, void *prog)',
  bpf_map__name: 'const char *bpf_map__name(void *map)',
  bpf_map__fd: 'int bpf_map__fd(void *map)',
  bpf_map__type: 'int bpf_map__type(void *map)',
  bpf_map__key_size: 'uint32 bpf_map__key_size(void *map)',
  bpf_map__value_size: 'uint32 bpf_map__value_size(void *map)',
  bpf_map__max_entries: 'uint32 bpf_map__max_entries(void *map)',
  bpf_map__map_flags: 'uint32 bpf_map__map_flags(void *map)',
  bpf_map__set_max_entries: 'int bpf_map__set_max_entries(void *map, uint32 n)',
  bpf_map__reuse_fd: 'int bpf_map__reuse_fd(void *map, int fd)',
  bpf_map__initial_value: 'void *bpf_map__initial_value(void *map, _Out_ size_t *size)',
  bpf_program__name: 'const char *bpf_program__name(void *prog)',
  bpf_program__fd: 'int bpf_program__fd(void *prog)',
  bpf_program__set_autoload: 'int bpf_program__set_autoload(void *prog, bool on)',
  bpf_program__set_expected_attach_type:
    'int bpf_program__set_expected_attach_type(void *prog, int type)',
  bpf_program__set_log_buf: 'int bpf_program__set_log_buf(void *prog, void *buf, size_t size)',
  bpf_program__set_log_level: 'int bpf_program__set_log_level(void *prog, uint32 level)',
  bpf_program__attach_uprobe_opts:
    'void *bpf_program__attach_uprobe_opts(void *prog, int pid, const char *path, ' +
    'size_t offset, sonde_uprobe_options *opts)',
  bpf_program__attach_kprobe_opts:
    'void *bpf_program__attach_kprobe_opts(void *prog, const char *function, ' +
    'sonde_kprobe_options *opts)',
  bpf_program__attach_tracepoint_opts:
    'void *bpf_program__attach_tracepoint_opts(void *prog, const char *category, ' +
    'const char *name, sonde_cookie_options *opts)',
  bpf_program__attach_raw_tracepoint:
    'void *bpf_program__attach_raw_tracepoint(void *prog, const char *name)',
  bpf_program__attach_perf_event_opts:
    'void *bpf_program__attach_perf_event_opts(void *prog, int pfd, sonde_cookie_options *opts)',
  bpf_program__attach_trace: 'void *bpf_program__attach_trace(void *prog)',
  bpf_link__destroy: 'int bpf_link__destroy(void *link)',
  bpf_map_create:
    'int bpf_map_create(int type, const char *name, uint32 key, uint32 value, uint32 max, ' +
    'void *opts)',
  bpf_map_lookup_elem: 'int bpf_map_lookup_elem(int fd, const void *key, void *value)',
  bpf_map_update_elem:
    'int bpf_map_update_elem(int fd, const void *key, const void *value, uint64 flags)',
  bpf_map_delete_elem: 'int bpf_map_delete_elem(int fd, const void *key)',
  bpf_map_get_next_key: 'int bpf_map_get_next_key(int fd, const void *key, void *next)',
  bpf_map_lookup_batch:
    'int bpf_map_lookup_batch(int fd, void *in, void *out, void *keys, void *values, ' +
    'void *count, void *opts)',
} as const;

/** The functions of the C library behind the raw system calls. */
const LIBC_DECLARATIONS = {
  mmap: 'void *mmap(void *addr, size_t length, int prot, int flags, int fd, int64 offset)',
  munmap: 'int munmap(void *addr, size_t length)',
  close: 'int close(int fd)',
  ioctl: 'int ioctl(int fd, ulong request, long argument)',
  setrlimit: 'int setrlimit(int resource, const void *limit)',
  getpagesize: 'int getpagesize(void)',
  memfd_create: 'int memfd_create(const char *name, uint flags)',
  vsnprintf: 'int vsnprintf(void *buffer, size_t size, const char *format, void *arguments)',
  strerror: 'const char *strerror(int error)',
  process_vm_readv:
    'long process_vm_readv(int pid, const void *local, ulong locals, const void *remote, ' +
    'ulong remotes, ulong flags)',
} as const;

/** A bound C function: arguments and result as koffi converts them. */
export type NativeFunction = KoffiFunc<
  (...args: readonly unknown[]) => number & bigint & string & null
>;

type Bound<T> = { readonly [K in keyof T]: NativeFunction };

/** Bound functions of libbpf by their C names. */
export type Libbpf = Bound<typeof LIBBPF_DECLARATIONS>;
/** Bound functions of libc by their C names; `syscall` is declared by each of its users' needs. */
export type Libc = Bound<typeof LIBC_DECLARATIONS> & {
  /** `syscall(number, long, void *, long)`: bpf(2). */
  readonly syscallBpf: NativeFunction;
  /** `syscall(number, void *, long, long, long, long)`: perf_event_open(2). */
  readonly syscallPerf: NativeFunction;
};

/** Sizes of the option structs, for their `sz` fields. */
export interface OptionSizes {
  readonly open: number;
  readonly uprobe: number;
  readonly kprobe: number;
  readonly cookie: number;
}

let boundLibbpf: Libbpf | undefined;
let boundLibc: Libc | undefined;
let optionSizes: OptionSizes | undefined;

function bindAll<T extends Record<string, string>>(
  library: LibraryHandle,
  declarations: T,
): Bound<T> {
  const bound: Record<string, unknown> = {};
  for (const [name, declaration] of Object.entries(declarations)) {
    bound[name] = library.func(declaration);
  }
  return bound as Bound<T>;
}

function openLibbpf(): LibraryHandle {
  try {
    return koffi.load('libbpf.so.1');
  } catch (cause) {
    throw new UnsupportedError(
      'load libbpf.so.1: the library is not installed or cannot be read',
      { feature: 'libbpf', since: '1.1' },
      { cause, hint: 'sudo apt-get install libbpf1' },
    );
  }
}

/**
 * libbpf.so.1, bound on the first call and kept for the life of the process. Throws
 * UnsupportedError (feature `libbpf`) when the library is missing or older than 1.1.
 */
export function libbpf(): Libbpf {
  if (boundLibbpf !== undefined) return boundLibbpf;
  const library = openLibbpf();
  const open = koffi.struct('sonde_open_options', OPEN_OPTIONS);
  const uprobe = koffi.struct('sonde_uprobe_options', UPROBE_OPTIONS);
  const kprobe = koffi.struct('sonde_kprobe_options', KPROBE_OPTIONS);
  const cookie = koffi.struct('sonde_cookie_options', COOKIE_OPTIONS);
  optionSizes = {
    open: koffi.sizeof(open),
    uprobe: koffi.sizeof(uprobe),
    kprobe: koffi.sizeof(kprobe),
    cookie: koffi.sizeof(cookie),
  };
  boundLibbpf = bindAll(library, LIBBPF_DECLARATIONS);
  return boundLibbpf;
}

/** Sizes for the `sz` fields of libbpf's option structs. Loads libbpf; throws as libbpf() does. */
export function libbpfOptionSizes(): OptionSizes {
  libbpf();
  return optionSizes as OptionSizes;
}

/** The C library, bound on the first call. Throws only where there is no glibc or musl at all. */
export function libc(): Libc {
  if (boundLibc !== undefined) return boundLibc;
  const library = koffi.load(null);
  boundLibc = {
    ...bindAll(library, LIBC_DECLARATIONS),
    syscallBpf: library.func('syscall', 'long', [
      'long',
      'long',
      'void *',
      'long',
    ]) as unknown as NativeFunction,
    syscallPerf: library.func('syscall', 'long', [
      'long',
      'void *',
      'long',
      'long',
      'long',
      'long',
    ]) as unknown as NativeFunction,
  };
  return boundLibc;
}

/** The errno of the last C call that went through koffi on this thread. */
export function lastErrno(): number {
  return koffi.errno();
}

/** The C library's sentence for an errno, lower case: `operation not permitted (1)`. */
export function errnoText(errno: number): string {
  const text = libc().strerror(Math.abs(errno)) as string;
  return `${text.charAt(0).toLowerCase()}${text.slice(1)} (${Math.abs(errno)})`;
}

/** The version of the library that is loaded, e.g. `v1.5`. Throws as libbpf() does. */
export function libbpfVersion(): string {
  return libbpf().libbpf_version_string() as string;
}
