/**
 * Goroutines that stand in the same place, as groups. The fact a reader gets wrong: goroutines of
 * one leak differ in their arguments and channels, so a group is made of state, wait reason and
 * functions with lines, not of addresses of objects.
 */
import { isPlumbing } from '@sonde/memory';
import type { SnapshotFrame, SnapshotGoroutine } from './snapshot-types.js';

/** Goroutines of one place. */
export interface GoroutineGroup {
  readonly count: number;
  readonly state: string;
  /** The longest time that one of them is known to have waited; null where none is known. */
  readonly longestNs: number | null;
  readonly frames: readonly SnapshotFrame[];
  readonly createdBy: SnapshotFrame | null;
  readonly noStack: string | null;
  /** Channels that they wait for, all together. */
  readonly channels: number;
  readonly stackBytes: number;
  readonly example: number;
}

/** What a goroutine does, as Go's own goroutine profile writes it. */
export function stateText(g: SnapshotGoroutine): string {
  const base = g.waitReason ?? g.state;
  return g.lockedToThread ? `${base}, locked to thread` : base;
}

/** Groups by falling number of goroutines. */
export function groupGoroutines(all: readonly SnapshotGoroutine[]): GoroutineGroup[] {
  const groups = new Map<string, SnapshotGoroutine[]>();
  for (const g of all) {
    const places = g.frames.map(f => `${f.function}:${f.line ?? 0}`);
    const creator = `${g.createdBy?.function ?? ''}:${g.createdBy?.line ?? 0}`;
    const key = [stateText(g), creator, g.noStack ?? '', ...places].join('\n');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [g]);
    else group.push(g);
  }
  return [...groups.values()].map(groupOf).sort((a, b) => b.count - a.count);
}

function groupOf(members: readonly SnapshotGoroutine[]): GoroutineGroup {
  const first = members[0]!;
  const known = members.flatMap(g => (g.waitNs === null ? [] : [g.waitNs]));
  return {
    count: members.length,
    state: stateText(first),
    longestNs: known.length === 0 ? null : known.reduce((a, b) => Math.max(a, b)),
    frames: first.frames,
    createdBy: first.createdBy,
    noStack: first.noStack,
    channels: new Set(members.flatMap(g => g.channels)).size,
    stackBytes: members.reduce((sum, g) => sum + g.stackBytes, 0),
    example: first.id,
  };
}

/** Frames of Go's own packages, whose paths have no dot before the first slash. */
function isLibrary(name: string): boolean {
  const first = name.split('/')[0]!;
  return name.includes('/') ? !first.includes('.') : !name.startsWith('main.');
}

/**
 * The frames worth a line: the innermost that is not the runtime's, then those of the program
 * itself; where the program's own cannot be told from Go's, simply the next ones.
 */
export function ownFrames(frames: readonly SnapshotFrame[], max: number): SnapshotFrame[] {
  const own = frames.findIndex(f => !isPlumbing(f.function) && !f.function.startsWith('internal/'));
  const [first, ...rest] = frames.slice(Math.max(0, own));
  if (first === undefined) return [];
  const written = rest.filter(f => !isPlumbing(f.function) && !isLibrary(f.function));
  return [first, ...(written.length > 0 ? written : rest)].slice(0, max);
}
