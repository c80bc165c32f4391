/**
 * Constructors of field types: what an author writes after a field's name. Each returns a plain
 * value that layout and validation read later; nothing is checked here, because a constructor does
 * not know its path and an error must name the author's line. What a reader would get wrong: the
 * `about` of a field is mandatory, but the `about` of an array's element or a map's key is not.
 */
import type { ScalarName, Unit } from './ir.js';

/** A field's type as the author declared it: no offsets yet, names of types unresolved. */
export type FieldSpec =
  | {
      readonly kind: 'scalar';
      readonly scalar: ScalarName;
      readonly unit: Unit;
      readonly wholeStack?: true;
      readonly about: string;
    }
  | {
      readonly kind: 'bits';
      readonly scalar: ScalarName;
      readonly bits: number;
      readonly unit: Unit;
      readonly about: string;
    }
  | { readonly kind: 'named'; readonly name: string; readonly about: string }
  | { readonly kind: 'string'; readonly bytes: number; readonly about: string }
  | { readonly kind: 'bytes'; readonly bytes: number; readonly about: string }
  | {
      readonly kind: 'array';
      readonly of: FieldSpec;
      readonly length: number;
      readonly about: string;
    }
  | {
      readonly kind: 'flexible';
      readonly of: FieldSpec;
      readonly lengthField: string;
      readonly maxLength: number;
      readonly about: string;
    };

/** A type by constructor (`u64()`) or by the name under which `types` or `events` declares it. */
export type TypeRef = FieldSpec | string;

/** What an integer means; the default is no unit. */
export interface ScalarOptions {
  readonly unit?: Unit;
}

/** A constructor of an integer field: the sentence for docs and columns, then the unit. */
export type ScalarConstructor = (about?: string, options?: ScalarOptions) => FieldSpec;

function integer(scalar: ScalarName): ScalarConstructor {
  return (about = '', options = {}) => ({
    kind: 'scalar',
    scalar,
    unit: options.unit ?? 'none',
    about,
  });
}

function measured(scalar: ScalarName, unit: Unit): (about?: string) => FieldSpec {
  return (about = '') => ({ kind: 'scalar', scalar, unit, about });
}

/** An unsigned integer of 8 bits. */
export const u8 = integer('u8');
/** An unsigned integer of 16 bits. */
export const u16 = integer('u16');
/** An unsigned integer of 32 bits. */
export const u32 = integer('u32');
/** An unsigned integer of 64 bits; two u32 or a bigint in TypeScript unless a number is exact. */
export const u64 = integer('u64');
/** A signed integer of 8 bits. */
export const s8 = integer('s8');
/** A signed integer of 16 bits. */
export const s16 = integer('s16');
/** A signed integer of 32 bits. */
export const s32 = integer('s32');
/** A signed integer of 64 bits; a bigint in TypeScript unless a number is exact. */
export const s64 = integer('s64');
/** One byte that is 0 or 1 (`_Bool` in C, boolean in TypeScript). */
export const bool = measured('bool', 'none');

/** An address of the target, 64 bits: bigint in plain objects, hexadecimal wherever it is shown. */
export const address = measured('u64', 'address');
/** A pointer-valued field: the same 64-bit address, for fields that C code declares as pointers. */
export const pointer = measured('u64', 'address');
/** Nanoseconds of CLOCK_MONOTONIC (`bpf_ktime_get_ns`); bigint, as 104 days of uptime pass 2^53. */
export const ktimeNs = measured('u64', 'ktimeNs');
/** A span of nanoseconds, 64 bits. */
export const durationNs = measured('u64', 'durationNs');
/** A size in bytes, 64 bits. */
export const bytesCount = measured('u64', 'bytes');
/** A number of things, 64 bits. */
export const count = measured('u64', 'count');
/** A process (thread group) id, 32 bits, in the namespace that the tracer's filter uses. */
export const pid = measured('u32', 'pid');
/** A kernel thread id, 32 bits. */
export const tid = measured('u32', 'tid');
/** A goroutine's id (`runtime.g.goid`), 64 bits; 0 where no goroutine ran. */
export const goid = measured('u64', 'goid');
/** The 64-bit hash under which `sonde_stacks` holds a stack; 0 means that none was taken. */
export const stackId = measured('u64', 'stackId');
/**
 * A stack id that the program takes where it runs: C frames by unwind data, then the goroutine's.
 * The generated header has `PROBE_stack(ctx)` for it, and an event that has such a field takes it
 * from there when it is reserved. A schema whose attach points give no stack is refused.
 */
export const wholeStack = (about = ''): FieldSpec => ({
  kind: 'scalar',
  scalar: 'u64',
  unit: 'stackId',
  wholeStack: true,
  about,
});
/** The number of an attach location within its probe, 32 bits, given by the session. */
export const siteId = measured('u32', 'siteId');
/** A kernel error number, 32 bits signed; negative as the kernel returns it. */
export const errno = measured('s32', 'errno');

/**
 * A bit-field of `bits` bits in a storage unit of type `scalar`, lowest bits first. Neighbouring
 * bit-fields share a unit; one that would cross its unit's end is refused, so fill the rest by a
 * named field. Signed scalars give signed values.
 */
export function bits(
  scalar: Exclude<ScalarName, 'bool'>,
  bitCount: number,
  about = '',
  options: ScalarOptions = {},
): FieldSpec {
  return { kind: 'bits', scalar, bits: bitCount, unit: options.unit ?? 'none', about };
}

/** A field whose type is declared under `name` in `types`: a struct, an enum or a tagged union. */
export function named(name: string, about = ''): FieldSpec {
  return { kind: 'named', name, about };
}

/** Text of at most `bytes` bytes, NUL padded: `char[bytes]` in C, string in TypeScript. */
export function str(bytes: number, about = ''): FieldSpec {
  return { kind: 'string', bytes, about };
}

/** A task's command name as `bpf_get_current_comm` gives it: 16 bytes (TASK_COMM_LEN). */
export function comm(about = 'command name of the current task'): FieldSpec {
  return { kind: 'string', bytes: 16, about };
}

/** `length` raw bytes: `__u8[length]` in C, Uint8Array in TypeScript. */
export function bytes(length: number, about = ''): FieldSpec {
  return { kind: 'bytes', bytes: length, about };
}

/** `length` elements of one type; nest it for two dimensions: `array(array(u32(), 4), 3)`. */
export function array(of: TypeRef, length: number, about = ''): FieldSpec {
  return { kind: 'array', of: toSpec(of), length, about };
}

/** Where a flexible array's element count stands, and the most elements that it may have. */
export interface FlexibleOptions {
  /** An unsigned field of the same struct, declared before the array. */
  readonly lengthField: string;
  readonly maxLength: number;
}

/** An array of varying length, the last field of an event; sent through per-CPU scratch memory. */
export function flexible(of: TypeRef, options: FlexibleOptions, about = ''): FieldSpec {
  return { kind: 'flexible', of: toSpec(of), ...options, about };
}

/** Turns the shorthand `'name'` into the field type that refers to it. */
export function toSpec(type: TypeRef): FieldSpec {
  return typeof type === 'string' ? named(type) : type;
}
