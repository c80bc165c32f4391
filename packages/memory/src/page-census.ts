/**
 * The pages under live allocations: which are resident, and which of those were resident before
 * anything that now lives on them was allocated. The fact a reader gets wrong: small allocations
 * share pages, so a page without a fault since one block's birth may simply have been touched by
 * the block before it; a page counts as reused only when no fault fell on it since the *earliest*
 * block that still lives there (its allocator header included, which malloc itself touches).
 */
import { lastAtOrBelow, orderBy } from './address-order.js';
import type { FaultColumns, LiveColumns, PageRanges, Surroundings } from './observation.js';

/** glibc keeps a chunk's size before it and writes the next chunk's just behind it. */
const HEADER_BYTES = 16;
/** Above this many pages (16 GiB of 4 KiB) no census is taken: it would cost more than it tells. */
const PAGES_MAX = 4 << 20;
/** malloc touches memory before it returns; a fault this little earlier is still its own. */
const BIRTH_SLACK_NS = 5e6;

/** Distinct pages under the live allocations of one stack, in bytes. */
export interface PageShare {
  readonly pageBytes: number;
  readonly residentBytes: number;
  /** Resident, and resident before what lives there now; absent where faults were not seen. */
  readonly reusedBytes?: number;
  /** Resident, and not before the trace: a fault on it was seen, whoever held it then. */
  readonly newBytes?: number;
}

/** Pages under everything that is alive, and of each stack asked for. */
export interface PageCensus {
  readonly total: PageShare;
  readonly byStack: ReadonlyMap<number, PageShare>;
}

/**
 * Takes the census of the pages under `live` for `stacks`. Undefined when nobody can say which
 * pages are resident, or when there are too many to ask. A page that two stacks share counts for
 * both, so the stacks' shares may add up to more than the total.
 */
export function takePageCensus(
  live: LiveColumns,
  stacks: readonly number[],
  surroundings: Surroundings,
  faults: FaultColumns | undefined,
): PageCensus | undefined {
  const order = orderBy(live.address);
  const runs = findRuns(live, order, surroundings.pageBytes);
  if (runs === undefined) return undefined;
  const resident = surroundings.residentPages?.(runs.ranges);
  if (resident === undefined) return undefined;
  if (resident.length !== runs.pages) {
    throw new RangeError(
      `take page census: reader answered for ${resident.length} of ${runs.pages} pages`,
    );
  }
  const marks =
    faults === undefined
      ? { resident }
      : { resident, ...judgePages(live, order, runs, resident, faults, surroundings.pageBytes) };
  return countByStack(live, order, runs, marks, stacks, surroundings.pageBytes);
}

/** Pages under live allocations as disjoint ascending runs, numbered through. */
interface Runs {
  readonly ranges: PageRanges;
  /** Number of the first page of each run. */
  readonly first: Float64Array;
  readonly pages: number;
}

function findRuns(live: LiveColumns, order: Uint32Array, pageBytes: number): Runs | undefined {
  const starts: number[] = [];
  const ends: number[] = [];
  let runEnd = -1;
  for (const row of order) {
    const { start, end } = pageSpan(live, row, pageBytes);
    if (start <= runEnd) {
      if (end > runEnd) ends[ends.length - 1] = runEnd = end;
    } else {
      starts.push(start);
      ends.push(end);
      runEnd = end;
    }
  }
  const first = new Float64Array(starts.length);
  let pages = 0;
  for (let run = 0; run < starts.length; run++) {
    first[run] = pages;
    pages += (ends[run]! - starts[run]!) / pageBytes;
  }
  if (pages > PAGES_MAX) return undefined;
  return {
    ranges: { start: Float64Array.from(starts), end: Float64Array.from(ends) },
    first,
    pages,
  };
}

/** Page-aligned span of one allocation; an allocation of no bytes still has an address. */
function pageSpan(live: LiveColumns, row: number, pageBytes: number) {
  const from = live.address[row]!;
  const to = from + Math.max(1, live.sizeBytes[row]!);
  return {
    start: Math.floor(from / pageBytes) * pageBytes,
    end: Math.ceil(to / pageBytes) * pageBytes,
  };
}

/** The number of the page that holds `address`, or -1 when no run covers it. */
function pageNumber(runs: Runs, address: number, pageBytes: number): number {
  const run = lastAtOrBelow(runs.ranges.start, address);
  if (run < 0 || address >= runs.ranges.end[run]!) return -1;
  return runs.first[run]! + Math.floor((address - runs.ranges.start[run]!) / pageBytes);
}

/**
 * One byte per page: `reused` where it is resident without a fault since its earliest living
 * block, `fresh` where it is resident and any fault on it was seen.
 */
function judgePages(
  live: LiveColumns,
  order: Uint32Array,
  runs: Runs,
  resident: Uint8Array,
  faults: FaultColumns,
  pageBytes: number,
): { readonly reused: Uint8Array; readonly fresh: Uint8Array } {
  const earliest = new Float64Array(runs.pages).fill(Infinity);
  for (const row of order) {
    const at = live.atNs[row]!;
    const from = live.address[row]! - HEADER_BYTES;
    const to = live.address[row]! + Math.max(1, live.sizeBytes[row]!) + HEADER_BYTES;
    for (let page = Math.floor(from / pageBytes); page * pageBytes < to; page++) {
      const number = pageNumber(runs, page * pageBytes, pageBytes);
      if (number >= 0 && at < earliest[number]!) earliest[number] = at;
    }
  }
  const lastFault = new Float64Array(runs.pages).fill(-Infinity);
  for (let fault = 0; fault < faults.address.length; fault++) {
    const number = pageNumber(runs, faults.address[fault]!, pageBytes);
    if (number >= 0) lastFault[number] = Math.max(lastFault[number]!, faults.atNs[fault]!);
  }
  const reused = resident.map((present, page) =>
    present !== 0 && lastFault[page]! < earliest[page]! - BIRTH_SLACK_NS ? 1 : 0,
  );
  const fresh = resident.map((present, page) =>
    present !== 0 && lastFault[page] !== -Infinity ? 1 : 0,
  );
  return { reused, fresh };
}

interface PageMarks {
  readonly resident: Uint8Array;
  readonly reused?: Uint8Array;
  readonly fresh?: Uint8Array;
}

/** Counts each stack's distinct pages: rows come by address, so its pages come in order. */
function countByStack(
  live: LiveColumns,
  order: Uint32Array,
  runs: Runs,
  marks: PageMarks,
  stacks: readonly number[],
  pageBytes: number,
): PageCensus {
  const tallies = new Map(stacks.map(stack => [stack, { next: 0, ...NO_PAGES }]));
  for (const row of order) {
    const tally = tallies.get(live.stack[row]!);
    if (tally === undefined) continue;
    const { start, end } = pageSpan(live, row, pageBytes);
    const firstPage = pageNumber(runs, start, pageBytes);
    const endPage = firstPage + (end - start) / pageBytes;
    for (let page = Math.max(firstPage, tally.next); page < endPage; page++) {
      countPage(tally, marks, page);
    }
    tally.next = Math.max(tally.next, endPage);
  }
  const byStack = new Map<number, PageShare>();
  for (const [stack, tally] of tallies) byStack.set(stack, shareOf(tally, marks, pageBytes));
  const total = { ...NO_PAGES };
  for (let page = 0; page < runs.pages; page++) countPage(total, marks, page);
  return { total: shareOf(total, marks, pageBytes), byStack };
}

const NO_PAGES = { pages: 0, resident: 0, reused: 0, fresh: 0 };

function countPage(tally: typeof NO_PAGES, marks: PageMarks, page: number): void {
  tally.pages++;
  tally.resident += marks.resident[page] === 0 ? 0 : 1;
  tally.reused += marks.reused?.[page] ?? 0;
  tally.fresh += marks.fresh?.[page] ?? 0;
}

function shareOf(tally: typeof NO_PAGES, marks: PageMarks, pageBytes: number): PageShare {
  return {
    pageBytes: tally.pages * pageBytes,
    residentBytes: tally.resident * pageBytes,
    ...(marks.reused
      ? { reusedBytes: tally.reused * pageBytes, newBytes: tally.fresh * pageBytes }
      : {}),
  };
}
