/**
 * Which pages of the target are present, as the memory room asks for it. The fact a reader gets
 * wrong: the target answers in bytes per range, so a range of one page is a question of yes or no.
 */
import type { PageRanges } from '@sonde/memory';
import type { TracedProcess } from './traced-session.js';

/** Pages asked about in one go: bounds the ranges that exist at one time. */
const CHUNK_PAGES = 65_536;

/** One byte per page of the ranges, 1 where present; undefined once the target is gone. */
export function readResidentPages(
  process: TracedProcess,
  ranges: PageRanges,
  pageBytes: number,
): Uint8Array | undefined {
  if (process.cpuNs() === undefined) return undefined;
  const answers: Uint8Array[] = [];
  let chunk: { start: bigint; end: bigint }[] = [];
  const flush = () => {
    answers.push(Uint8Array.from(process.residentPages(chunk), bytes => (bytes > 0 ? 1 : 0)));
    chunk = [];
  };
  try {
    for (let run = 0; run < ranges.start.length; run++) {
      for (let at = ranges.start[run]!; at < ranges.end[run]!; at += pageBytes) {
        chunk.push({ start: BigInt(at), end: BigInt(at + pageBytes) });
        if (chunk.length === CHUNK_PAGES) flush();
      }
    }
    flush();
  } catch {
    return undefined; // it exited between the two questions
  }
  // A page table that is gone answers "nothing is present": that is no answer.
  if (process.cpuNs() === undefined) return undefined;
  const all = new Uint8Array(answers.reduce((sum, part) => sum + part.length, 0));
  let filled = 0;
  for (const part of answers) {
    all.set(part, filled);
    filled += part.length;
  }
  return all;
}
