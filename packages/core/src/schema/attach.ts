/**
 * Constructors of attach points: what must be seen, and the ways to see it in order of preference.
 * What a reader would get wrong: `program` is the name of the BPF function in the `.bpf.c`, while
 * the alternative's `name` (default `kind:symbol`) is what `--attach` and the reports call it.
 */
import type { AttachIr, AttachPointIr } from './ir.js';

/** What every alternative takes: its BPF program, its name, and what it cannot see. */
export interface AttachOptions {
  readonly program: string;
  readonly name?: string;
  /** What this way cannot see, in words that the report repeats. */
  readonly limits?: string;
}

type SymbolKind = 'kprobe' | 'kretprobe' | 'fentry' | 'fexit' | 'rawTracepoint' | 'btfTracepoint';

function named(kind: AttachIr['kind'] | 'goEntries', symbol: string, options: AttachOptions) {
  const { program, name, limits } = options;
  const base = { name: name ?? `${kind}:${symbol}`, program };
  return limits === undefined ? base : { ...base, limits };
}

/**
 * Something that the probe must see. The first of `oneOf` that works is attached and named in every
 * report; when none works, a `required` point (the default) fails the session. A point with `when`
 * is attached only if the parameter of that name is not 0.
 */
export function point(
  name: string,
  options: {
    readonly about: string;
    readonly need?: AttachPointIr['need'];
    readonly when?: string;
    readonly brake?: 'last';
    readonly oneOf: readonly AttachIr[];
  },
): AttachPointIr {
  const { about, need = 'required', when, brake, oneOf } = options;
  return {
    name,
    about,
    need,
    ...(when === undefined ? {} : { when: { param: when } }),
    ...(brake === undefined ? {} : { brake }),
    oneOf,
  };
}

type Library = Extract<AttachIr, { kind: 'cFunction' | 'cReturn' }>['library'];

/** The entry of a C function; without `library`, in the target's C library. */
export function cFunction(
  symbol: string,
  options: AttachOptions & { readonly library?: Library },
): AttachIr {
  const { library = 'libc' } = options;
  return { kind: 'cFunction', ...named('cFunction', symbol, options), symbol, library };
}

/** The return of a C function (a uretprobe): never for Go code, which moves its stacks. */
export function cReturn(
  symbol: string,
  options: AttachOptions & { readonly library?: Library },
): AttachIr {
  const { library = 'libc' } = options;
  return { kind: 'cReturn', ...named('cReturn', symbol, options), symbol, library };
}

/** Which of the two stacks of a thread a Go function runs on. */
export interface GoStack {
  /** The system stack: whole stacks then begin where the goroutine left its own. */
  readonly systemStack?: true;
}

/** Conditions on the target under which an alternative at Go functions is no way to see it. */
export interface GoConditions extends GoStack {
  /** Not where the target has one of these functions; a trailing `*` matches the rest. */
  readonly unless?: readonly string[];
  /** What must be switched on in the target: its own sampling of allocations. */
  readonly needs?: 'memoryProfiling';
}

function conditions({ unless, needs, systemStack }: GoConditions): GoConditions {
  return {
    ...(unless && { unless }),
    ...(needs && { needs }),
    ...(systemStack && { systemStack }),
  };
}

/** The entry of the first of these Go functions that the target has. */
export function goEntry(
  symbols: string | readonly string[],
  options: AttachOptions & GoConditions,
): AttachIr {
  const list = typeof symbols === 'string' ? [symbols] : symbols;
  const base = named('goEntry', list[0] ?? '', options);
  return { kind: 'goEntry', ...base, symbols: list, ...conditions(options) };
}

/**
 * The entries of all Go functions that match: each of `all` must match at least one, those of
 * `also` may. `sonde_part_of(site)` tells which of them a site belongs to, counted through both.
 */
export function goEntries(
  functions: { readonly all: readonly string[]; readonly also?: readonly string[] },
  options: AttachOptions & GoConditions,
): AttachIr {
  const { all, also } = functions;
  return {
    kind: 'goEntry',
    ...named('goEntries', all[0] ?? '', options),
    symbols: all,
    all: true,
    ...(also && { also }),
    ...conditions(options),
  };
}

/** Every RET of the first of these Go functions that the target has. */
export function goReturn(
  symbols: string | readonly string[],
  options: AttachOptions & GoStack,
): AttachIr {
  const list = typeof symbols === 'string' ? [symbols] : symbols;
  const base = named('goReturn', list[0] ?? '', options);
  const { systemStack } = options;
  return { kind: 'goReturn', ...base, symbols: list, ...(systemStack && { systemStack }) };
}

/** Every CALL of `callee` inside the Go function `caller`: cheap, as the kernel emulates CALL. */
export function goCall(
  options: AttachOptions & {
    readonly caller: string;
    readonly callee: string;
    /** Only where the code shows that the call's first argument is what `caller` will return. */
    readonly passesResult?: true;
  },
): AttachIr {
  const { caller, callee, passesResult } = options;
  return {
    kind: 'goCall',
    ...named('goCall', `${caller}>${callee}`, options),
    caller,
    callee,
    ...(passesResult && { passesResult }),
  };
}

function onSymbol(kind: SymbolKind): (symbol: string, options: AttachOptions) => AttachIr {
  return (symbol, options) => ({ kind, ...named(kind, symbol, options), symbol });
}

/** The entry of a kernel function, by breakpoint or ftrace. */
export const kprobe = onSymbol('kprobe');
/** The return of a kernel function. */
export const kretprobe = onSymbol('kretprobe');
/** The entry of a kernel function by trampoline: cheaper, needs the kernel's BTF. */
export const fentry = onSymbol('fentry');
/** The return of a kernel function by trampoline, with its arguments. */
export const fexit = onSymbol('fexit');
/** A tracepoint by its bare name; needs no tracefs. */
export const rawTracepoint = onSymbol('rawTracepoint');
/**
 * A tracepoint whose arguments the kernel's BTF types (`SEC("tp_btf/…")`): the program reads their
 * fields without a helper, and a kernel whose tracepoint has other arguments refuses it.
 */
export const btfTracepoint = onSymbol('btfTracepoint');

/** A tracepoint by category and name; needs tracefs to learn its number. */
export function tracepoint(category: string, symbol: string, options: AttachOptions): AttachIr {
  const label = `${category}/${symbol}`;
  return { kind: 'tracepoint', ...named('tracepoint', label, options), category, symbol };
}

/** A perf software event with period 1 on every CPU. */
export function perfSoftware(symbol: 'page-faults', options: AttachOptions): AttachIr {
  return { kind: 'perfSoftware', ...named('perfSoftware', symbol, options), symbol };
}
