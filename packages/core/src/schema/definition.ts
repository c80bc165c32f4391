/**
 * `defineProbe` and the declarations around the field types: events, named types, maps, parameters.
 * Everything here returns plain values in the author's order. What a reader would get wrong:
 * nothing is validated until `toIr`, which alone knows each declaration's path and source line.
 */
import { count, durationNs, toSpec, type FieldSpec, type TypeRef } from './field-types.js';
import type { MapIr, ScalarName, SizeIr, AttachPointIr, VerifierBudgetIr } from './ir.js';

/** Fields by name, in the order in which they lie in memory. */
export type Fields = Readonly<Record<string, FieldSpec>>;

/** A struct that fields, arrays, unions and maps may name. */
export interface StructSpec {
  readonly kind: 'struct';
  readonly about: string;
  readonly fields: Fields;
}

/** An enum with its explicit values. */
export interface EnumSpec {
  readonly kind: 'enum';
  readonly about: string;
  readonly scalar: ScalarName;
  readonly values: Readonly<Record<string, { readonly value: number; readonly about: string }>>;
}

/** A tagged union: tag value → name of the struct that then lies in the union. */
export interface UnionSpec {
  readonly kind: 'union';
  readonly about: string;
  readonly tagField: string;
  readonly variants: Readonly<Record<string, string>>;
}

/** A record that the probe sends. The 16-byte header comes first and is not declared. */
export interface EventSpec {
  readonly kind: 'event';
  readonly about: string;
  readonly fields: Fields;
}

/** A BPF map; key and value are absent where the kernel fixes them. */
export interface MapSpec {
  readonly kind: MapIr['kind'];
  readonly about: string;
  readonly key?: FieldSpec;
  readonly value?: FieldSpec;
  readonly maxEntries: SizeIr;
}

/** A value that the loader writes before the program is verified. */
export interface ParamSpec {
  readonly kind: 'param';
  readonly type: FieldSpec;
  readonly about: string;
  readonly default: number;
}

/** How the probe reports: every event, or counters that are read in batches. */
export type Mode = 'stream' | 'aggregate';

/** What an author writes in `schema.ts`. */
export interface ProbeDefinition {
  /** Kebab case; prefix of every C name and of the object's file name. */
  readonly name: string;
  readonly about: string;
  /** What verifying one program may take; see {@link VerifierBudgetIr}. */
  readonly verifierBudget?: VerifierBudgetIr;
  /** The first is the default; `['stream']` when left out. */
  readonly modes?: readonly Mode[];
  readonly types?: Readonly<Record<string, StructSpec | EnumSpec | UnionSpec>>;
  readonly events: Readonly<Record<string, EventSpec>>;
  readonly maps?: Readonly<Record<string, MapSpec>>;
  readonly params?: Readonly<Record<string, ParamSpec>>;
  readonly attach: readonly AttachPointIr[];
}

/** Declares a probe; returns its argument, typed. The default export of `schema.ts`. */
export function defineProbe(definition: ProbeDefinition): ProbeDefinition {
  return definition;
}

/** A record that the probe sends. */
export function event(about: string, fields: Fields): EventSpec {
  return { kind: 'event', about, fields };
}

/** A named struct, for `types`. */
export function struct(about: string, fields: Fields): StructSpec {
  return { kind: 'struct', about, fields };
}

/**
 * A named struct of durations, for `types`: how many, their sum, the longest. A per-CPU hash map of
 * such values is filled by `SONDE_ADD_DURATION` without an atomic operation.
 */
export function durations(about: string): StructSpec {
  return struct(about, {
    count: count('how many there were'),
    totalNs: durationNs('all of them together'),
    maxNs: durationNs('the longest of them'),
  });
}

/**
 * A named enum, for `types`: each value is its sentence, numbered from the value before plus one
 * (the first is 0), or `{ value, about }`. Storage is one unsigned byte unless `of` says otherwise.
 */
export function enumOf(
  about: string,
  values: Readonly<Record<string, string | { readonly value: number; readonly about: string }>>,
  options: { readonly of?: ScalarName } = {},
): EnumSpec {
  const numbered: Record<string, { value: number; about: string }> = {};
  let next = 0;
  for (const [name, given] of Object.entries(values)) {
    const entry = typeof given === 'string' ? { value: next, about: given } : given;
    numbered[name] = entry;
    next = entry.value + 1;
  }
  return { kind: 'enum', about, scalar: options.of ?? 'u8', values: numbered };
}

/**
 * A tagged union, for `types`. `tagField` names an enum field of every struct that holds the union,
 * and `variants` gives, for each value of that enum, the name of the struct that lies there.
 */
export function union(
  about: string,
  options: {
    readonly tagField: string;
    readonly variants: Readonly<Record<string, string>>;
  },
): UnionSpec {
  return { kind: 'union', about, ...options };
}

/** A map's declaration: sizes may be a number or `param('name')`. */
export interface MapOptions {
  readonly about: string;
  readonly key: TypeRef;
  readonly value: TypeRef;
  readonly maxEntries: SizeIr;
}

/** A map whose keys are the indexes 0 … maxEntries - 1. */
export type ArrayMapOptions = Omit<MapOptions, 'key'>;

function keyed(kind: MapIr['kind']): (options: MapOptions) => MapSpec {
  return ({ about, key, value, maxEntries }) => ({
    kind,
    about,
    key: toSpec(key),
    value: toSpec(value),
    maxEntries,
  });
}

const INDEX: FieldSpec = { kind: 'scalar', scalar: 'u32', unit: 'none', about: 'index' };

function indexed(kind: MapIr['kind']): (options: ArrayMapOptions) => MapSpec {
  return ({ about, value, maxEntries }) => ({
    kind,
    about,
    key: INDEX,
    value: toSpec(value),
    maxEntries,
  });
}

/** BPF_MAP_TYPE_HASH: an insert fails when it is full, and the probe counts that loss. */
export const hash = keyed('hash');
/** BPF_MAP_TYPE_LRU_HASH: drops the least recently used entry when it is full. */
export const lruHash = keyed('lruHash');
/** BPF_MAP_TYPE_PERCPU_HASH: one value per CPU under each key. */
export const percpuHash = keyed('percpuHash');
/** BPF_MAP_TYPE_LRU_PERCPU_HASH: one value per CPU, the least recently used key is dropped. */
export const lruPercpuHash = keyed('lruPercpuHash');
/** BPF_MAP_TYPE_ARRAY: zero-filled at load, never full. */
export const arrayMap = indexed('array');
/** BPF_MAP_TYPE_PERCPU_ARRAY: one value per CPU at each index. */
export const percpuArray = indexed('percpuArray');

/** A ring of the probe's own beside the session's; `maxEntries` is its size in bytes. */
export function ringbuf(options: { readonly about: string; readonly maxEntries: SizeIr }): MapSpec {
  return { kind: 'ringbuf', ...options };
}

/** BPF_MAP_TYPE_STACK_TRACE for `bpf_get_stackid`; `depth` frames, at most 127. */
export function stackTrace(options: {
  readonly about: string;
  readonly maxEntries: SizeIr;
  readonly depth?: number;
}): MapSpec {
  const { about, maxEntries, depth = 127 } = options;
  const pc: FieldSpec = { kind: 'scalar', scalar: 'u64', unit: 'address', about: '' };
  const value: FieldSpec = { kind: 'array', of: pc, length: depth, about: '' };
  return { kind: 'stackTrace', about, key: INDEX, value, maxEntries };
}

/** A reference to a parameter, where a map takes its size from it. */
export function param(name: string): { readonly param: string };
/** A parameter: an integer or bool with its default, set before load. */
export function param(
  type: FieldSpec,
  options: { readonly default: number; readonly about?: string },
): ParamSpec;
export function param(
  type: FieldSpec | string,
  options?: { readonly default: number; readonly about?: string },
): ParamSpec | { readonly param: string } {
  if (typeof type === 'string') return { param: type };
  const about = options?.about ?? type.about;
  return { kind: 'param', type, about, default: options?.default ?? 0 };
}
