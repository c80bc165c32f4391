/**
 * Parameters of a probe as options of `sonde run`. The fact a reader gets wrong: a bare number is
 * in the parameter's own unit, unlike that of --duration, because the flag's name says which.
 */
import { UsageError } from '@sonde/core';
import type { ParamIr, Unit } from '@sonde/core/schema';
import { Option } from 'commander';
import { parseDuration } from './quantities.js';

/** The flag of a parameter: `maxLive` is set by `--max-live`. */
export function flagOf(param: string): string {
  return `--${param.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
}

const UNIT_WORDS: Readonly<Partial<Record<Unit, string>>> = {
  bytes: 'in bytes',
  durationNs: 'in nanoseconds',
  ktimeNs: 'in nanoseconds of CLOCK_MONOTONIC',
};

/** What a parameter means, with its unit where it has one that the words leave open. */
export function meaningOf({ about, unit }: Pick<ParamIr, 'about' | 'unit'>): string {
  const words = UNIT_WORDS[unit];
  return words === undefined || about.includes(words.slice(3)) ? about : `${about}, ${words}`;
}

/** What an option's value stands for, where that is a unit. */
const UNITS: Readonly<Partial<Record<Unit, string>>> = {
  durationNs: 'ns',
  ktimeNs: 'ns',
  bytes: 'bytes',
};

/**
 * The option of a parameter: `--min-ns <ns>`, `--preempted <0|1>`. Its value is a whole number; a
 * duration may be written as 5ms too. Throws UsageError for anything else.
 */
export function paramOption(param: ParamIr): Option {
  const { name, unit, scalar } = param;
  const value = scalar === 'bool' ? '0|1' : (UNITS[unit] ?? 'n');
  return new Option(`${flagOf(name)} <${value}>`, meaningOf(param))
    .argParser(text => parseParam(param, text))
    .default(param.default, String(param.default));
}

function parseParam({ name, unit, scalar }: ParamIr, text: string): number {
  if (unit === 'durationNs' && /[a-z]$/.test(text)) return parseDuration(text, flagOf(name));
  const value = Number(text);
  const most = scalar === 'bool' ? 1 : Number.MAX_SAFE_INTEGER;
  if (text !== '' && Number.isSafeInteger(value) && value >= 0 && value <= most) return value;
  const what = scalar === 'bool' ? 'neither 0 nor 1' : 'not a whole number';
  throw new UsageError(`read ${flagOf(name)}: "${text}" is ${what}`, {
    hint: 'sonde run PROBE --help shows what each parameter means',
  });
}
