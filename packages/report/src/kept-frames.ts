/**
 * Which frames of a long stack are shown. What a reader would get wrong: not the innermost ones.
 * Who allocates, where Go enters C, whose code that is and where it began say more than the inside
 * of a library, so frames are left out between them.
 */
import { isOwnCode } from '@sonde/memory';
import type { ReportFrame } from './report.js';

/** Indices of at most `most` frames, ascending. */
export function keptFrames(frames: readonly ReportFrame[], most: number): number[] {
  if (frames.length <= most) return frames.map((_, index) => index);
  const go = frames.findIndex(frame => frame.kind === 'go');
  const own = frames.findIndex(isOwnCode);
  const kept = new Set<number>();
  const keep = (index: number): void => {
    if (kept.size < most && index >= 0 && index < frames.length) kept.add(index);
  };
  // The landmarks first, then their neighbours, one round after the other.
  for (let round = 0; kept.size < most; round++) {
    keep(round);
    if (go >= 0) keep(go + round);
    if (own >= 0) keep(own + round);
    if (go >= 0) keep(go - 1 - round);
    keep(frames.length - 1 - round);
  }
  return [...kept].sort((a, b) => a - b);
}
