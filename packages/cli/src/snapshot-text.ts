/**
 * A snapshot as one page for a terminal. The fact a reader gets wrong: figures of one moment
 * accuse nobody. The page says what holds the memory now; whether it grows, two pages or a trace
 * can say.
 */
import { formatBytes, formatCount, formatDuration, formatShare } from '@sonde/memory';
import { keepEnd, padEnd, padStart, Screen, type ScreenOptions } from '@sonde/report';
import { groupGoroutines, type GoroutineGroup, ownFrames } from './snapshot-groups.js';
import type { Snapshot, SnapshotFrame, SnapshotHeap, SnapshotSpans } from './snapshot-types.js';

const CELL = 12;
const STACKS_MAX = 6;
const CLASSES_MAX = 8;
const LARGE_MAX = 4;
const GROUPS_MAX = 6;
const FRAMES_MAX = 3;

/** Writes the page; ends with a newline. */
export function writeSnapshot(snapshot: Snapshot, options: ScreenOptions): string {
  const screen = new Screen(options);
  const { target } = snapshot;
  const traits = [
    ...[`pid ${target.pid}`, target.exe, target.goRelease, target.arch],
    target.cgo ? 'cgo' : 'no cgo',
    ...(target.stripped ? ['stripped'] : []),
  ];
  screen.line(`${screen.paint.dim('sonde')}  ${traits.join('  ')}`);
  const how = `${snapshot.means.memory}, ${target.tableRung}`;
  screen.line(screen.paint.dim(`       read once from outside, nothing stopped: ${how}`));
  drawLedger(screen, snapshot);
  if (snapshot.heap !== null) drawHeap(screen, snapshot.heap);
  if (snapshot.spans !== null) drawSpans(screen, snapshot.spans);
  if (snapshot.goroutines !== null) drawGoroutines(screen, snapshot);
  if (snapshot.missing.length > 0) {
    screen.heading('MISSING');
    for (const { section, why } of snapshot.missing) screen.labelled(`  ${section}`, why, 14);
  }
  return screen.toString();
}

function drawLedger(screen: Screen, { memStats }: Snapshot): void {
  if (memStats === null) return;
  const m = memStats;
  const note = m.closed ? '' : screen.paint.dim("the runtime's own sums disagree a little");
  screen.heading('GO MEMORY', note);
  const kept = m.HeapIdle - m.HeapReleased;
  const live = m.HeapAlloc;
  const slack = live === null ? '' : `objects ${formatBytes(live)}, rest is free slots`;
  const rows: readonly (readonly [string, number, string])[] = [
    ['heap in use', m.HeapInuse, slack],
    ['heap idle, kept', kept, 'free for the next allocation, not given back yet'],
    ['heap idle, released', m.HeapReleased, 'given back to the kernel; not resident'],
    ['stacks', m.StackInuse, ''],
    ['collector', m.GCSys, ''],
    ['spans, caches', m.MSpanSys + m.MCacheSys, ''],
    ['profile buckets', m.BuckHashSys, ''],
    ['other', m.OtherSys, ''],
  ];
  for (const [name, bytes, about] of rows) {
    const text = `  ${padEnd(name, 22)}${padStart(formatBytes(bytes), CELL)}`;
    screen.line(`${text}   ${screen.paint.dim(about)}`);
  }
  screen.line(screen.paint.dim(`  ${formatCount(m.NumGC)} collections so far`));
}

function drawHeap(screen: Screen, heap: SnapshotHeap): void {
  if (heap.rateBytes === 0) return;
  const rate = heap.rateBytes === null ? 'unknown' : formatBytes(heap.rateBytes);
  const about = `about ${formatBytes(heap.inUseBytes)}, one sample per ${rate}`;
  screen.heading('HEAP BY STACK', screen.paint.dim(`${about}; as of the collection before last`));
  const top = heap.stacks.filter(stack => stack.inUseBytes > 0);
  for (const stack of top.slice(0, STACKS_MAX)) {
    const share = formatShare(heap.inUseBytes === 0 ? 0 : stack.inUseBytes / heap.inUseBytes);
    const objects = `${formatCount(stack.inUseObjects)} × ${formatBytes(stack.objectBytes)}`;
    const head = `${padStart(formatBytes(stack.inUseBytes), CELL)} ${padStart(share, 7)}`;
    const left = `${head}  ${padEnd(objects, 22)}`;
    drawFrames(screen, left, ownFrames(stack.frames, FRAMES_MAX));
  }
  more(screen, top.length - STACKS_MAX, 'stacks');
  if (top.length === 0) screen.line(screen.paint.dim('  no sampled object is alive'));
}

function drawSpans(screen: Screen, spans: SnapshotSpans): void {
  const gap = spans.inUseBytes - spans.runtimeInUseBytes;
  const sum = `${formatCount(spans.objects)} objects in ${formatBytes(spans.inUseBytes)} of spans`;
  const torn = spans.closed ? '' : `, moving while read: off by ${formatBytes(gap)}`;
  screen.heading('HEAP BY SIZE', screen.paint.dim(`${sum}${torn}`));
  const titles = ['slot', 'in use', 'objects', 'free slots', 'free'];
  screen.line(screen.paint.dim(titles.map(title => padStart(title, CELL)).join('')));
  for (const each of spans.classes.slice(0, CLASSES_MAX)) {
    const free = each.slots - each.objects;
    const cells = [
      formatBytes(each.slotBytes),
      formatBytes(each.spanBytes),
      formatCount(each.objects),
      formatCount(free),
      formatBytes(each.freeBytes),
    ];
    const note = each.noscan ? 'no pointers' : '';
    const share = each.slots === 0 ? 0 : free / each.slots;
    const fragmented = share > 0.5 && each.freeBytes > 1 << 20 ? `${formatShare(share)} free` : '';
    const notes = [note, fragmented].filter(text => text !== '').join(', ');
    const row = cells.map(cell => padStart(cell, CELL)).join('');
    screen.line(`${row}   ${screen.paint.dim(notes)}`);
  }
  more(screen, spans.classes.length - CLASSES_MAX, 'classes');
  if (spans.large.length === 0) return;
  const bytes = spans.large.reduce((total, each) => total + each.bytes, 0);
  const count = formatCount(spans.large.length);
  screen.line(
    `${padStart('large', CELL)}${padStart(formatBytes(bytes), CELL)}${padStart(count, CELL)}`,
  );
  for (const each of spans.large.slice(0, LARGE_MAX)) {
    const place = screen.paint.dim(`at ${each.address}`);
    screen.line(`${' '.repeat(CELL)}${padStart(formatBytes(each.bytes), CELL)}   ${place}`);
  }
  if (spans.large.length > LARGE_MAX) more(screen, spans.large.length - LARGE_MAX, 'large objects');
}

function drawGoroutines(screen: Screen, { goroutines }: Snapshot): void {
  if (goroutines === null) return;
  const users = goroutines.goroutines.filter(g => !g.system);
  const system = goroutines.alive - users.length;
  const about = `${formatCount(users.length)}, and ${formatCount(system)} of the runtime`;
  screen.heading('GOROUTINES', screen.paint.dim(about));
  const groups = groupGoroutines(users);
  for (const group of groups.slice(0, GROUPS_MAX)) drawGroup(screen, group);
  more(screen, groups.length - GROUPS_MAX, 'groups');
  if (goroutines.torn > 0) {
    const count = formatCount(goroutines.torn);
    screen.line(screen.paint.dim(`  ${count} ran on while they were read: no stack of theirs`));
  }
}

function drawGroup(screen: Screen, group: GoroutineGroup): void {
  const waited = group.longestNs === null ? '' : `longest ${formatDuration(group.longestNs)}`;
  const channels = group.channels > 1 ? `${formatCount(group.channels)} channels` : '';
  const stacks = group.count > 1 ? `${formatBytes(group.stackBytes)} of stacks` : '';
  const notes = [waited, channels, stacks].filter(text => text !== '').join(', ');
  const head = `${padStart(formatCount(group.count), CELL)}  ${screen.paint.bold(group.state)}`;
  screen.line(`${head}${notes === '' ? '' : `   ${screen.paint.dim(notes)}`}`);
  const left = ' '.repeat(CELL + 2);
  if (group.noStack !== null) screen.line(left + screen.paint.dim(group.noStack));
  drawFrames(screen, left, ownFrames(group.frames, FRAMES_MAX));
  if (group.createdBy !== null && !group.createdBy.function.startsWith('runtime.')) {
    screen.line(
      left + screen.paint.dim(`created by ${frameText(group.createdBy, screen.width - 30)}`),
    );
  }
}

/** The first frame beside `left`, the others under it. */
function drawFrames(screen: Screen, left: string, frames: readonly SnapshotFrame[]): void {
  const blank = ' '.repeat(left.length);
  const room = Math.max(20, screen.width - left.length);
  frames.forEach((frame, i) => {
    const text = frameText(frame, room);
    screen.line(i === 0 ? left + text : blank + screen.paint.dim(text));
  });
  if (frames.length === 0 && left.trim() !== '') {
    screen.line(left + screen.paint.dim('no frame is known'));
  }
}

function frameText(frame: SnapshotFrame, room: number): string {
  const file = frame.file?.split('/').slice(-2).join('/');
  const place = file === undefined ? '' : ` ${file}:${frame.line ?? 0}`;
  const name = keepEnd(frame.function, Math.max(16, room - place.length));
  return name.length + place.length <= room ? name + place : keepEnd(name + place, room);
}

function more(screen: Screen, count: number, what: string): void {
  if (count > 0)
    screen.line(screen.paint.dim(`${' '.repeat(CELL + 2)}${count} more ${what} in the JSON`));
}
