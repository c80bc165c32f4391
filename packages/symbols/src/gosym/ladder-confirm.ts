/**
 * Confirms offsets by the program's own runtime functions: each witness is a function that must
 * use a field, and says at which displacement it does. What a reader would get wrong: a witness
 * that is not there, or that the compiler wrote otherwise, says nothing; only one that uses another
 * displacement contradicts.
 */
import { type EffectReader, followPointers, type Trace } from '../code/index.js';
import { type ElfFile, FormatError } from '../elf/index.js';
import type { GoOffsets } from './offsets.js';
import { CALLEES, globalsOf, TRANSPARENT, WITNESSES } from './ladder-witnesses.js';

/** Where a function of the program lies, by virtual addresses. */
export interface NamedCode {
  readonly entry: number;
  readonly end: number;
}

/** A field whose code contradicts the table. */
export interface Contradiction {
  readonly field: string;
  readonly expected: number;
  readonly seen: number;
  /** The function that was read. */
  readonly witness: string;
}

/** What the program's code says of a table. */
export interface Confirmation {
  /** Fields by the function that confirmed them. */
  readonly confirmed: ReadonlyMap<string, string>;
  readonly contradicted: readonly Contradiction[];
}

/** What is compared: a program's code with a table. */
export interface ConfirmRequest {
  readonly elf: ElfFile;
  readonly effects: EffectReader;
  readonly functionsNamed: (name: string) => readonly NamedCode[];
  readonly table: GoOffsets;
}

/** It passes &gcController on, in programs without symbols too. */
const ALLOC_LARGE = 'runtime.(*mcache).allocLarge';

/** A function that claims to be larger is not read: the witnesses have some hundred bytes. */
const FUNCTION_BYTES_MAX = 1 << 16;

/** Traces of all functions of a name; wrappers share the name and show nothing. */
function tracesOf(
  { elf, effects, functionsNamed }: ConfirmRequest,
  name: string,
  callees: ReadonlyMap<number, string>,
): Trace[][] {
  return functionsNamed(name).flatMap(({ entry, end }) => {
    if (end - entry > FUNCTION_BYTES_MAX) return [];
    try {
      const code = elf.readVirtual(entry, end - entry);
      return [followPointers(effects, code, entry, { callees, transparent: TRANSPARENT })];
    } catch (error) {
      // A function that lies outside the file's code is no witness.
      if (error instanceof FormatError) return [];
      throw error;
    }
  });
}

/** Asks every witness. Costs the decoding of some twenty functions. */
export function confirmFields(request: ConfirmRequest): Confirmation {
  const { functionsNamed, table } = request;
  const callees = new Map(
    CALLEES.flatMap(name => functionsNamed(name).map(({ entry }) => [entry, name] as const)),
  );
  const globals = globalsOf(tracesOf(request, ALLOC_LARGE, callees)[0] ?? []);
  const confirmed = new Map<string, string>();
  const contradicted: Contradiction[] = [];
  for (const { name, read } of WITNESSES) {
    const found = tracesOf(request, name, callees).map(traces => read(traces, globals));
    const fields = new Set(found.flatMap(f => Object.keys(f)));
    for (const field of fields) {
      const expected = table.get(field);
      const seen = found.map(f => f[field]).find(value => value !== undefined);
      if (expected === undefined || seen === undefined) continue;
      if (seen === expected) confirmed.set(field, name);
      else contradicted.push({ field, expected, seen, witness: name });
    }
  }
  for (const { field } of contradicted) confirmed.delete(field);
  if (functionsNamed('runtime.cgocall').length === 0) {
    // Nothing in the program calls C, so these stay zero wherever they lie.
    for (const field of ['m.ncgo', 'm.incgo', 'm.isExtraInC']) {
      if (table.get(field) !== undefined) confirmed.set(field, 'no call of C');
    }
  }
  return { confirmed, contradicted };
}
