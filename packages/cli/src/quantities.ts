/**
 * What people type for times and shares, as numbers. The fact a reader gets wrong: a bare number
 * is seconds, as in `sleep 20`, and every refusal shows what would have been right.
 */
import { UsageError } from '@sonde/core';

const UNIT_NS: Readonly<Record<string, number>> = {
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  min: 60e9,
  h: 3600e9,
};

/**
 * `20s`, `1m30s`, `500ms` or `20` in nanoseconds. Throws UsageError for anything else, and for 0.
 */
export function parseDuration(text: string, option: string): number {
  const hint = 'write it as 20s, 2m, 1m30s or 500ms';
  const refuse = () => new UsageError(`read ${option}: "${text}" is not a duration`, { hint });
  if (/^\d+(\.\d+)?$/.test(text)) return positive(Number(text) * 1e9, refuse);
  if (!/^(\d+(\.\d+)?(ms|s|min|m|h))+$/.test(text)) throw refuse();
  let sum = 0;
  for (const [, digits, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|min|m|h)/g)) {
    sum += Number(digits) * UNIT_NS[unit!]!;
  }
  return positive(sum, refuse);
}

function positive(ns: number, refuse: () => UsageError): number {
  if (ns > 0 && Number.isFinite(ns)) return Math.round(ns);
  throw refuse();
}

/** `10%` or `0.1` as a share, or `off`. Throws UsageError for anything else. */
export function parseOverhead(text: string): number | 'off' {
  if (text === 'off') return 'off';
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  const share = match ? Number(match[1]) / (match[2] === '%' ? 100 : 1) : NaN;
  if (share > 0 && share <= 1) return share;
  throw new UsageError(`read --max-overhead: "${text}" is not a share of a CPU`, {
    hint: 'write it as 10%, or off to lift the brake',
  });
}

/** The size of a ring of records. Throws UsageError for what the kernel would not take. */
export function parseRingBytes(text: string): number {
  const bytes = /^\d+$/.test(text) ? Number(text) : NaN;
  // Powers of two have one bit; the kernel counts ring sizes in 32 of them.
  if (bytes >= 4096 && bytes <= 2 ** 30 && Number.isInteger(Math.log2(bytes))) return bytes;
  throw new UsageError(`read --ring-bytes: "${text}" is not a size of a ring`, {
    hint: 'give a power of two from 4096 on, such as 16777216',
  });
}

/** A process id. Throws UsageError for what is no positive whole number. */
export function parsePid(text: string): number {
  if (/^\d+$/.test(text) && Number(text) > 0 && Number(text) <= 0x7fff_ffff) return Number(text);
  throw new UsageError(`read --pid: "${text}" is not a process id`, {
    hint: 'give the number that ps or pgrep prints',
  });
}
