/**
 * The hash by which an object and a decoder know that they speak of the same bytes. What a reader
 * would get wrong: sentences and source lines are left out, so that a better comment does not
 * orphan a compiled object, while the framework's own structs are part of it.
 */
import { createHash } from 'node:crypto';
import { FRAMEWORK_STRUCTS, SONDE_LOSS } from './framework.js';
import type { ProbeIr } from './ir.js';

const UNHASHED = new Set(['about', 'doc', 'source', 'limits', 'verifierBudget', 'hash']);

/** JSON with sorted keys and without what the hash ignores; equal meaning gives equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value)
    .filter(([key, member]) => !UNHASHED.has(key) && member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${entries.join(',')}}`;
}

/** Hex, 32 digits: the first half of the SHA-256 over probe and framework. */
export function schemaHash(ir: Omit<ProbeIr, 'hash'>): string {
  const text = canonicalJson({ probe: ir, framework: FRAMEWORK_STRUCTS, losses: SONDE_LOSS });
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
