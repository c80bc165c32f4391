/** The memory table and the list of holders that are not accused. */
import { callerOf, formatBytes, ownerOf, type Frame } from '@sonde/memory';
import type { Report, ReportFrame, ReportSample, ReportStack } from './report.js';
import { padEnd, padStart, type Screen } from './screen.js';

const LABEL = 24;
const CELL = 11;
/** Holders below this are not worth a line at three in the morning. */
const HOLDER_MIN_BYTES = 64 * 1024;
const HOLDERS_MAX = 4;

/** Draws the memory series as one line per part: first, last, growth and shape. */
export function drawMemory(screen: Screen, report: Report): void {
  const { samples, growth } = report.memory;
  if (samples.length === 0) return;
  const head = ['start', 'end', 'growth'].map(title => padStart(title, CELL)).join('');
  screen.heading('MEMORY');
  screen.line(screen.paint.dim(padEnd('', LABEL) + head));
  const part = (name: string, read: (sample: ReportSample) => number | null) =>
    drawPart(screen, name, samples, read);
  part('RSS', sample => sample.rssBytes);
  part('  anonymous', sample => sample.anonBytes);
  part('  mapped files', sample => sample.fileBytes);
  part('  shared memory', sample => (sample.shmemBytes === 0 ? null : sample.shmemBytes));
  part('C heap, since attach', sample => sample.cHeapHeldBytes);
  part('Go heap in use', sample => sample.goHeapInUseBytes);
  part('Go heap after GC', sample => sample.goHeapMarkedBytes);
  part('Go stacks', sample => sample.goStacksBytes);
  const rest = padStart(signed(growth.notExplainedBytes), 2 * CELL + CELL);
  screen.line(`  ${padEnd('not explained', LABEL - 2)}${rest}`);
}

function drawPart(
  screen: Screen,
  name: string,
  samples: readonly ReportSample[],
  read: (sample: ReportSample) => number | null,
): void {
  const values = samples.map(read);
  if (values.some(value => value === null)) return;
  const series = values as number[];
  const first = series[0]!;
  const last = series.at(-1)!;
  const cells = [formatBytes(first), formatBytes(last), signed(last - first)];
  const room = screen.width - LABEL - 3 * CELL - 3;
  const span = Math.max(...series) - Math.min(...series);
  // A line that moves by less than a hundredth is drawn flat: its shape would be noise.
  const shape = span < 0.01 * Math.max(...series) ? series.map(() => 0) : series;
  screen.line(
    `  ${padEnd(name, LABEL - 2)}${cells.map(cell => padStart(cell, CELL)).join('')}` +
      `   ${screen.paint.dim(screen.spark(shape, room))}`,
  );
}

function signed(bytes: number): string {
  return bytes > 0 ? `+${formatBytes(bytes)}` : formatBytes(bytes);
}

/** Draws those who hold much and are not accused, each with what speaks for it. */
export function drawHolders(screen: Screen, holders: readonly ReportStack[]): void {
  const worth = holders.filter(it => it.bytes >= HOLDER_MIN_BYTES).slice(0, HOLDERS_MAX);
  if (worth.length === 0) return;
  screen.heading('ALSO HOLDING', screen.paint.dim('not accused'));
  for (const it of worth) {
    const owner = ownerOf(it.frames.map(plain))?.function;
    const who = `${callerOf(it.frames.map(plain))}${owner === undefined ? '' : `, from ${owner}`}`;
    screen.labelled(`${padStart(formatBytes(it.bytes), CELL)}  `, `${who}: ${it.why}`, CELL + 2);
  }
}

function plain(frame: ReportFrame): Frame {
  return {
    function: frame.function,
    module: frame.module,
    kind: frame.kind,
    inlined: frame.inlined,
    ...(frame.symbol !== null && { symbol: frame.symbol }),
    ...(frame.symbolSource !== null && { symbolSource: frame.symbolSource }),
  };
}
