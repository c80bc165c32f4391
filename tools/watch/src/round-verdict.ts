/**
 * What a round's TAP output says, for a screen: counts, and for each failure what the author needs.
 * What a reader would get wrong: a program that the verifier refused fails as an exception of the
 * first test that loads it; its explanation is taken out of the diagnostics and shown once.
 */
import { failureExcerpt, judgeSuite } from '@sonde/vm-tests';
import { Parser } from 'tap-parser';
import type { AgentResult } from './protocol.js';

/** What is said of a round. */
export interface RoundVerdict {
  readonly ok: boolean;
  /** The part that failed, or `run`. */
  readonly step: string;
  /** `12 passed, 0 failed, …`; empty when nothing ran. */
  readonly counts: string;
  /** Why it failed. */
  readonly lines: readonly string[];
}

/** Shown of a failure that is no refusal. */
const LINES_MAX = 40;

interface Diagnostics {
  readonly explanation?: readonly string[];
  readonly program?: string;
}

/** The explanations of refused programs, each once, in the order in which they came. */
function refusals(tap: string): string[] {
  const seen = new Set<string>();
  const parser = new Parser();
  const look = (point: { ok: boolean; diag?: unknown }): void => {
    const { explanation, program } = (point.diag ?? {}) as Diagnostics;
    if (point.ok || explanation === undefined || explanation.length === 0) return;
    seen.add([`the kernel refused program ${program ?? ''}`, ...explanation].join('\n'));
  };
  const follow = (each: Parser): void => {
    each.on('assert', look);
    each.on('child', follow);
  };
  follow(parser);
  parser.end(tap);
  return [...seen].flatMap(text => text.split('\n'));
}

/** Judges what an agent printed in `place`. */
export function judgeRound(place: string, { lines, code }: AgentResult): RoundVerdict {
  const { ok, passed, failed, skipped, compared, reasons } = judgeSuite('', place, lines, code);
  const tests = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  const counts = `${tests}, ${compared} events compared`;
  if (ok) return { ok, step: 'run', counts, lines: [] };
  const refused = refusals(`${lines.join('\n')}\n`);
  const said = refused.length > 0 ? refused : failureExcerpt(lines).slice(0, LINES_MAX);
  return { ok, step: 'run', counts, lines: [...reasons, ...said] };
}
