/**
 * Which frame of a stack a person would name: the C function that called the allocator, and the Go
 * function that owns the call. The fact a reader gets wrong: between the two lie frames that
 * nobody wrote (cgo's generated wrappers, the runtime's switch of stacks), and they are skipped.
 */
import type { Frame } from './observation.js';

/** Longer C++ and Rust names stand in sentences without their arguments. */
const NAME_MAX = 40;

/** The C library's own code, which allocates on somebody's behalf: strdup, fopen, asprintf. */
function isLibrary(frame: Frame): boolean {
  return /\/(libc[.-]|ld-musl|libstdc\+\+)/.test(frame.module);
}

/**
 * The function that made somebody allocate, or a phrase when its frame is not known. Where a
 * stripped library has no name for it, the nearest function of that library that has one.
 */
export function callerOf(frames: readonly Frame[]): string {
  const c = frames.filter(frame => frame.kind === 'c' && !isPlumbing(frame.function));
  const first = c.find(frame => !isLibrary(frame)) ?? c[0] ?? frames[0];
  if (first === undefined) return 'code whose stack is not known';
  if (first.symbolSource !== 'none') return shortName(first);
  const file = first.module.split('/').at(-1)!;
  const named = c.find(frame => frame.module === first.module && frame.symbolSource !== 'none');
  return named === undefined ? `code of ${file} without names` : `${shortName(named)} in ${file}`;
}

/** A C++ name may be longer than the sentence that it stands in. */
function shortName(frame: Frame): string {
  if (frame.symbol === undefined || frame.function.length <= NAME_MAX) return frame.function;
  return withoutTemplates(withoutArguments(frame.function));
}

/** The innermost Go frame that somebody wrote; undefined for a stack without Go frames. */
export function ownerOf(frames: readonly Frame[]): Frame | undefined {
  const written = frames.filter(frame => frame.kind === 'go');
  return written.find(frame => !isPlumbing(frame.function)) ?? written[0];
}

/** First elements of the paths of Go's own packages (`go list std`). */
const STANDARD = new Set(
  (
    'archive bufio bytes cmp compress container context crypto database debug embed encoding ' +
    'errors expvar flag fmt go hash html image index internal io iter log maps math mime net os ' +
    'path plugin reflect regexp runtime slices sort strconv strings structs sync syscall testing ' +
    'text time unicode unique unsafe vendor weak'
  ).split(' '),
);

/** What is asked of a frame, be it one of an observation or of a report. */
export interface NamedFrame {
  readonly kind: string;
  readonly function: string;
  readonly file?: string | null | undefined;
}

/**
 * True for Go code of the program itself: neither the standard library nor a module that it
 * depends on, whose files lie below `@version` or `vendor/`.
 */
export function isOwnCode(frame: NamedFrame): boolean {
  if (frame.kind !== 'go' || isPlumbing(frame.function)) return false;
  if (/@v\d|\/vendor\//.test(frame.file ?? '')) return false;
  return !STANDARD.has(frame.function.split(/[./]/, 1)[0]!);
}

/**
 * The innermost frame of the program's own code, where a library stands between it and C;
 * undefined where nothing does, and where no frame is the program's own.
 */
export function ownCodeOf(frames: readonly Frame[]): Frame | undefined {
  const own = frames.find(isOwnCode);
  return own === ownerOf(frames) ? undefined : own;
}

/** True for frames that cgo and the runtime put between a C function and its Go owner. */
export function isPlumbing(name: string): boolean {
  return /^runtime\.|^runtime\/cgo\.|\._Cfunc_|\._cgo|^_cgo|^crosscall|^x_cgo/.test(name);
}

/** ` (file.c:12)` with the last two parts of the path, or nothing. */
export function placeOf(frame: Frame | undefined): string {
  if (frame?.file === undefined) return '';
  const file = frame.file.split('/').slice(-2).join('/');
  return ` (${file}${frame.line === undefined ? '' : `:${frame.line}`})`;
}

/** A demangled name with `…` in place of its arguments, and without what follows them. */
export function withoutArguments(name: string): string {
  return withoutGroups(name, '(', ')').replace(/ const$| \[clone .*$/, '');
}

/** A demangled name with `…` in place of what its templates were made of. */
export function withoutTemplates(name: string): string {
  return withoutGroups(name, '<', '>');
}

/** Contents of outer parentheses or angle brackets become `…`; one that opens the name stays. */
function withoutGroups(name: string, open: string, close: string): string {
  let depth = 0;
  let kept = '';
  for (let at = 0; at < name.length; at++) {
    const mark = name[at]!;
    // `operator<` and `operator()` are names, `->` closes nothing, `(anonymous …` is a namespace.
    const isName = depth === 0 && (/operator<?$/.test(kept) || name.startsWith('(an', at));
    if (mark === open && at > 0 && !isName && depth++ === 0) kept += `${open}…${close}`;
    else if (mark === close && depth > 0 && name[at - 1] !== '-') depth--;
    else if (depth === 0) kept += mark;
  }
  return depth === 0 ? kept : name;
}
