/**
 * `sonde run PROBE`: every event of one probe, as it comes, with no code of the probe's author in
 * between. The fact a reader gets wrong: the output says what it lost. A last line on standard
 * error counts events and losses, so that an empty table is not taken for a quiet program.
 */
import { startSession, UsageError, type Session } from '@sonde/core';
import type { ProbeIr } from '@sonde/core/schema';
import { openTarget, type Target } from '@sonde/core/target';
import type { FoundProbe } from './discovery.js';
import { JsonLines, Table, type RowWriter } from './event-table.js';
import { EXIT } from './exit-codes.js';
import { frameNamer, RunStacks } from './run-stacks.js';
import type { Surround } from './terminal.js';

/** What the command line said. */
export interface RunOptions {
  readonly pid: number;
  readonly durationNs: number | undefined;
  readonly json: boolean;
  /** Show cgo's and the runtime's own frames in stacks too. */
  readonly rawStacks?: boolean;
  readonly attach: readonly string[];
  readonly maxOverhead: number | 'off';
  readonly params: Readonly<Record<string, number>>;
}

/** Text that waits for the next write, at most; more is written at once. */
const PENDING_MAX = 64 * 1024;
const FLUSH_MS = 100;

/** Runs a probe until its time is over, the target exits or a signal comes. */
export async function run(
  probe: FoundProbe,
  options: RunOptions,
  surround: Surround,
): Promise<number> {
  const { module } = probe;
  if (!module.ir.modes.includes('stream')) {
    throw new UsageError(`run ${module.ir.name}: it has no stream mode, so it has no events`);
  }
  // Before anything is attached, so that no event is older than the beginning of the table.
  const startNs = surround.now();
  const target = await openTarget(options.pid);
  try {
    const session = await startSession(target, {
      pid: options.pid,
      probes: [{ module, mode: 'stream', attachAny: options.attach, params: options.params }],
      maxOverhead: options.maxOverhead,
      log: line => surround.err(`sonde: ${line}\n`),
      signal: surround.signal,
    });
    try {
      return await stream(session, probe, { ...options, startNs }, surround);
    } finally {
      await session.close();
    }
  } finally {
    target.close();
  }
}

async function stream(
  session: Session<Target>,
  probe: FoundProbe,
  options: RunOptions & { readonly startNs: bigint },
  surround: Surround,
): Promise<number> {
  const { ir, events } = probe.module;
  const stacks = new RunStacks(session, frameNamer(session.process), {
    width: surround.width,
    raw: options.rawStacks === true,
  });
  const writer: RowWriter = options.json
    ? new JsonLines(ir.name, stacks)
    : new Table(options.startNs, stacks);
  let count = 0;
  let pending = '';
  const flush = () => {
    if (pending === '') return;
    surround.out(pending);
    pending = '';
  };
  session.onEvents((_probe, event, view, offset) => {
    const codec = events[event];
    if (codec === undefined) return;
    count++;
    pending += writer.row(codec, codec.decode(view, offset));
    if (pending.length > PENDING_MAX) flush();
  });
  const over = new AbortController();
  const timer = setInterval(flush, FLUSH_MS);
  void session.ended.then(() => over.abort());
  if (options.durationNs === undefined) await session.ended;
  else await surround.sleep(options.durationNs / 1e6, over.signal);
  await session.stop();
  clearInterval(timer);
  flush();
  const end = await session.ended;
  if (end.reason === 'error')
    throw new Error(`run ${ir.name}: the session ended`, { cause: end.error });
  surround.err(summary(session, ir, count, end.reason === 'target-exited'));
  return EXIT.done;
}

function summary(session: Session<Target>, ir: ProbeIr, count: number, exited: boolean): string {
  const losses = session.losses().probes[ir.name];
  const lost = Object.entries(losses ?? {})
    .filter(([, times]) => times > 0)
    .map(([kind, times]) => `${kind} ${times}`);
  const hits = session.probes
    .flatMap(probe => probe.points)
    .flatMap(point => point.sites)
    .reduce((sum, site) => sum + site.hits, 0);
  const why = exited ? '; the target exited' : '';
  return `sonde: ${count} events of ${hits} hits, lost: ${lost.join(', ') || 'nothing'}${why}\n`;
}
