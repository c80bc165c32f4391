/** One accused stack on the screen: what it holds, how it grows, how old it is, who it is. */
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
  isPlumbing,
  withoutArguments,
  withoutTemplates,
} from '@sonde/memory';
import stringWidth from 'string-width';
import { keptFrames } from './kept-frames.js';
import type { ReportFrame, ReportStack } from './report.js';
import { keepEnd, padEnd, type Screen } from './screen.js';

const LABEL = 13;
/** Frames shown of the first suspect, and of each other one; the JSON has all. */
const FRAMES_MAX = { first: 48, other: 14 };

/** How the suspects of one report are drawn. */
export interface SuspectOptions {
  /** How many suspects there are. */
  readonly count: number;
  readonly minAgeSeconds: number;
  /** Shows the frames that cgo puts between C and Go. */
  readonly rawStacks: boolean;
}

/** Draws one suspect; `index` counts from 0. */
export function drawSuspect(
  screen: Screen,
  it: ReportStack,
  index: number,
  options: SuspectOptions,
): void {
  const { paint } = screen;
  const { minAgeSeconds } = options;
  const facts = [
    `${formatBytes(it.bytes)} held`,
    `${it.bytesPerSecond < 0 ? '' : '+'}${formatRate(it.bytesPerSecond)}`,
  ].join('   ');
  screen.heading(`SUSPECT ${index + 1} of ${options.count}`, `${paint.red(it.class)}   ${facts}`);
  const held = it.held.map(([, bytes]) => bytes);
  if (held.length > 1) {
    const ends = `${formatBytes(held[0]!)} ${screen.arrow} ${formatBytes(held.at(-1)!)}`;
    row(screen, 'held', `${screen.spark(held, 40)}  ${ends}`);
  }
  row(screen, 'age', ageWords(it, minAgeSeconds));
  if (it.allocs !== null) row(screen, 'blocks', callWords(it));
  row(screen, 'memory', memoryWords(it));
  if (it.touch !== null) row(screen, 'touched by', touchWords(it));
  const frames = options.rawStacks ? it.frames : foldGlue(it.frames);
  drawFrames(screen, frames, index === 0 ? FRAMES_MAX.first : FRAMES_MAX.other);
  if (it.truncated !== null) row(screen, 'truncated', it.truncated);
}

function row(screen: Screen, label: string, text: string): void {
  screen.labelled(`  ${screen.paint.dim(label)}`, text, LABEL);
}

function ageWords(it: ReportStack, minAgeSeconds: number): string {
  const old = formatDuration(minAgeSeconds * 1e9);
  return (
    `${formatBytes(it.agedBytes)} in ${formatCount(it.agedCount)} blocks older than ${old}; ` +
    `the oldest ${formatDuration(it.oldestAgeSeconds * 1e9)}`
  );
}

function callWords(it: ReportStack): string {
  const kept =
    it.keptShare === null
      ? ''
      : `; of what was old halfway ${formatShare(it.keptShare)} is still held`;
  return (
    `${formatCount(it.count)} blocks held; ${formatCount(it.allocs!)} were allocated and ` +
    `${formatCount(it.frees!)} freed in the window${kept}`
  );
}

function memoryWords(it: ReportStack): string {
  const parts: string[] = [];
  if (it.usableBytes !== null && it.bytes > 0 && it.usableBytes > 1.02 * it.bytes) {
    parts.push(`${formatBytes(it.usableBytes)} with the allocator's rounding`);
  }
  if (it.touchedShare === null) parts.push('which of its pages are resident is not known');
  else parts.push(`${formatShare(it.touchedShare)} of its pages are resident`);
  if (it.newBytes !== null && it.touchedShare !== null) {
    parts.push(`${formatBytes(it.newBytes)} became resident in this window`);
  }
  if (it.reusedBytes !== null && it.reusedBytes > 0 && it.touchedShare !== null) {
    parts.push(`${formatBytes(it.reusedBytes)} was resident when it was allocated (reused)`);
  }
  return parts.join('; ');
}

function touchWords(it: ReportStack): string {
  const touch = it.touch!;
  const user = foldGlue(touch.frames.filter(frame => frame.kind !== 'kernel'));
  const named = user.find(frame => !/\/libc[.-]/.test(frame.module)) ?? user[0];
  const who = named === undefined ? 'a stack that is not known' : named.function;
  const share =
    touch.stackShare > 0.99 ? '' : ` (${formatShare(touch.stackShare)} of first touches)`;
  const delay = touch.medianDelaySeconds;
  const when =
    delay < 1e-6 ? 'within the allocation' : `${formatDuration(delay * 1e9)} after the allocation`;
  return `${who}${share}, typically ${when}`;
}

/**
 * Without the frames that cgo and the runtime put between C and Go, which nobody wrote; those of a
 * stack that holds nothing else stay.
 */
export function foldGlue<Frame extends Pick<ReportFrame, 'function'>>(
  frames: readonly Frame[],
): readonly Frame[] {
  const crossing = /^(_cgo_|x_cgo_|runtime\.(cgocall|asmcgocall|systemstack)|.*\._(Cfunc|cgo)_)/;
  const written = frames.filter(frame => !crossing.test(frame.function));
  return written.length === 0 ? frames : written;
}

/** Frames innermost first; C and Go told apart by a word, not only by colour. */
function drawFrames(screen: Screen, frames: readonly ReportFrame[], most: number): void {
  if (frames.length === 0) {
    row(screen, 'stack', 'not known: it was lost, or its code is gone');
    return;
  }
  const kept = keptFrames(frames, most);
  const room = screen.width - LABEL - 4;
  const nameWidth = Math.min(Math.floor(room * 0.6), longest(kept.map(at => frames[at]!)) + 2);
  let next = 0;
  for (const at of kept) {
    if (at > next) drawGap(screen, at - next);
    drawFrame(screen, frames[at]!, at, nameWidth);
    next = at + 1;
  }
  if (next < frames.length) drawGap(screen, frames.length - next);
}

function drawFrame(screen: Screen, frame: ReportFrame, index: number, nameWidth: number): void {
  const { paint } = screen;
  const kinds = { c: paint.yellow('C '), go: paint.cyan('Go'), kernel: paint.magenta('K ') };
  const label = index === 0 ? `  ${paint.dim('stack')}` : '';
  const name = fitName(frame, nameWidth - 1);
  const place = keepEnd(placeOf(frame), screen.width - LABEL - 4 - nameWidth);
  const plain = frame.kind === 'go' && isPlumbing(frame.function);
  const text = `${padEnd(plain ? paint.dim(name) : name, nameWidth)}${paint.dim(place)}`;
  screen.line(`${padEnd(label, LABEL)}${kinds[frame.kind]}  ${text}`);
}

function drawGap(screen: Screen, count: number): void {
  const words = `… ${count} more ${count === 1 ? 'frame' : 'frames'} in the JSON`;
  screen.line(`${' '.repeat(LABEL)}    ${screen.paint.dim(words)}`);
}

function nameOf(frame: ReportFrame): string {
  return frame.inlined ? `${frame.function} (inlined)` : frame.function;
}

/**
 * A name within `width` columns. Go's keep their end. Of a demangled name the arguments go first,
 * then what the templates were made of, because the function's own name stands before both.
 */
function fitName(frame: ReportFrame, width: number): string {
  const whole = nameOf(frame);
  if (frame.symbol === null || stringWidth(whole) <= width) return keepEnd(whole, width);
  const mark = frame.inlined ? ' (inlined)' : '';
  const bare = withoutArguments(frame.function);
  if (stringWidth(bare + mark) <= width) return bare + mark;
  return keepEnd(withoutTemplates(bare) + mark, width);
}

function placeOf(frame: ReportFrame): string {
  const file = (frame.file ?? frame.module).split('/').slice(-2).join('/');
  if (frame.file !== null && frame.line !== null) return `${file}:${frame.line}`;
  const compiled = frame.symbolSource === 'perf map' ? 'compiled at run time' : file;
  // Without a name the function shows module and offset already.
  return frame.symbolSource === 'none' ? `${compiled} (no symbol)` : compiled;
}

function longest(frames: readonly ReportFrame[]): number {
  return Math.max(12, ...frames.map(frame => nameOf(frame).length));
}
