/**
 * Who must be let go although the stack itself looks guilty. Two innocents look exactly like a
 * leak from inside one stack: a cache whose entries stay longer than the window (what it evicts is
 * from before the trace, so its frees are of unknown addresses), and anything whose frees were
 * missed. Both are told apart by what is seen outside the stack.
 */
import type { Credit } from './doubts.js';
import type { Growth } from './growth.js';
import type { Observation } from './observation.js';
import { formatCount } from './quantity.js';
import { summedSlope, type Candidate, type HeapFinding } from './suspects.js';

/** Frees of unknown addresses at this share of the survivors' rate are enough to be a cache's. */
const UNKNOWN_FREES_SHARE = 0.5;
/** RSS that grew by this share of what the accused grew by speaks for a leak all the same. */
const RSS_SHARE = 0.5;

/** Moves to `others` those who cannot be accused on what is known. */
export function acquit(
  finding: HeapFinding,
  credit: Credit,
  seen: Observation,
  growth: Growth,
): HeapFinding {
  const why =
    credit.blocked ??
    whyMissed(finding.accused, credit) ??
    whyTurnover(finding, credit, seen, growth);
  if (why === undefined || finding.accused.length === 0) return finding;
  const cleared = finding.accused.map((it): Candidate => ({ ...it, accused: false, why }));
  const others = [...cleared, ...finding.others].sort((a, b) => b.bytes - a.bytes);
  return { ...finding, accused: [], others };
}

function whyMissed(accused: readonly Candidate[], credit: Credit): string | undefined {
  const blocks = accused.reduce((sum, it) => sum + it.agedCount, 0);
  if (credit.missedDeaths * 2 < blocks || credit.missedDeaths === 0) return undefined;
  return (
    `${formatCount(credit.missedDeaths)} events were missed, about as many as the ` +
    `${formatCount(blocks)} old blocks: they may have been freed`
  );
}

/** A slow cache: as many unknown blocks die as known ones survive, and RSS stands still. */
function whyTurnover(
  finding: HeapFinding,
  credit: Credit,
  seen: Observation,
  growth: Growth,
): string | undefined {
  const held = seen.cHeap?.held.filter(sample => sample.atNs <= credit.endNs) ?? [];
  const last = held.at(-1);
  const middle = held[held.length >> 1];
  if (last === undefined || middle === undefined || last.atNs <= middle.atNs) return undefined;
  const seconds = (last.atNs - middle.atNs) / 1e9;
  const unknownRate = (last.freedBeforeAttach - middle.freedBeforeAttach) / seconds;
  const blocks = finding.accused.reduce((sum, it) => sum + it.count, 0);
  const survivorRate = blocks / Math.max(1e-9, credit.endNs / 1e9);
  if (unknownRate < UNKNOWN_FREES_SHARE * survivorRate) return undefined;
  const leaked = summedSlope(finding.accused) * (credit.endNs / 1e9);
  if (growth.anonBytes >= RSS_SHARE * leaked) return undefined;
  return (
    `meanwhile ${formatCount(last.freedBeforeAttach)} blocks from before the trace were freed, ` +
    'and RSS did not grow with it: a cache that turns over slowly looks the same'
  );
}
