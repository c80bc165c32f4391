/**
 * `sonde trace`: from a pid or a command to the report on the screen. The fact a reader gets
 * wrong: names come last. Stacks are symbolized when the report is written, from the maps that the
 * target room snapshotted while the process lived.
 */
import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { UsageError } from '@sonde/core';
import { type Frame as NamedFrame, InlinedCalls, StackSymbolizer } from '@sonde/core/stacks';
import { openTarget, pageSize, type Target } from '@sonde/core/target';
import { analyse, formatBytes, formatDuration, type Frame } from '@sonde/memory';
import { buildReport, writeJson, writeText, type Report } from '@sonde/report';
import { findProbes, type FoundProbe } from './discovery.js';
import { EXIT } from './exit-codes.js';
import { launch, type Launched } from './launch.js';
import { observe, type Observed } from './observe.js';
import { openTraceSession, type Opened } from './open-session.js';
import { readResidentPages } from './resident-reader.js';
import type { Surround } from './terminal.js';
import { VERSION } from './version.js';

/** What the command line said. */
export interface TraceOptions {
  readonly pid?: number;
  readonly command: readonly string[];
  /** Undefined with a command: until it ends. */
  readonly durationNs: number | undefined;
  readonly minAgeNs: number;
  readonly maxOverhead: number | 'off';
  readonly attach: readonly string[];
  /** Size of the ring of records; the session's default where absent. */
  readonly ringBytes?: number;
  /** File for the JSON; `-` is standard output, in place of the text. */
  readonly json?: string;
  readonly failOnLeak: boolean;
  /** Show cgo's own frames in stacks too. */
  readonly rawStacks?: boolean;
  /** Show calls that a C compiler inlined, where debug information is installed. */
  readonly inlined?: boolean;
  readonly probePaths: readonly string[];
  readonly bundled?: readonly FoundProbe[];
}

/** A window shorter than this says nothing at all. */
const WINDOW_MIN_NS = 1e9;

/** Traces and prints the report. Returns the exit code. */
export async function trace(options: TraceOptions, surround: Surround): Promise<number> {
  if ((options.pid === undefined) === (options.command.length === 0)) {
    throw new UsageError('trace: give either --pid or a command after --', {
      hint: 'sonde trace --pid 1234, or sonde trace -- ./service --its-flag',
    });
  }
  const probes = await findProbes({
    cwd: surround.cwd,
    extra: options.probePaths,
    ...(options.bundled ? { bundled: options.bundled } : {}),
  });
  const launched = options.pid === undefined ? await launch(options.command) : undefined;
  try {
    const target = await openTarget(options.pid ?? launched!.pid);
    try {
      return await traceTarget(target, probes, launched, options, surround);
    } finally {
      target.close();
    }
  } finally {
    await launched?.end();
  }
}

async function traceTarget(
  target: Target,
  probes: readonly FoundProbe[],
  launched: Launched | undefined,
  options: TraceOptions,
  surround: Surround,
): Promise<number> {
  const opened = await openTraceSession(target, probes, {
    attach: options.attach,
    ...(options.ringBytes === undefined ? {} : { ringBytes: options.ringBytes }),
    maxOverhead: options.maxOverhead,
    log: line => surround.err(`sonde: ${line}\n`),
  });
  try {
    // Attaching takes a while, and the window begins after it.
    const startedAt = surround.today().toISOString();
    const progress = showProgress(target, options, surround);
    const observing = observe(opened.session, {
      durationNs: options.durationNs,
      cgo: target.info.cgo,
      irs: opened.requests.map(request => request.module.ir),
      missing: opened.missing,
      signal: surround.signal,
      now: surround.now,
      sleep: surround.sleep,
      onLook: progress.look,
    });
    launched?.resume();
    const observed = await observing;
    progress.end();
    if (observed.end?.reason === 'error') {
      throw new Error(`trace ${target.info.pid}: the session ended`, { cause: observed.end.error });
    }
    const early = explainExit(observed, target, launched, options, surround);
    const report = assembleReport(opened, observed, target, {
      startedAt,
      minAgeNs: options.minAgeNs,
      inlined: options.inlined === true,
    });
    print(report, options, surround);
    return early ? EXIT.failed : exitCode(report, options);
  } finally {
    await opened.session.close();
  }
}

/** A line on standard error while it traces: redrawn on a terminal, once elsewhere. */
function showProgress(target: Target, options: TraceOptions, surround: Surround) {
  const whole = options.durationNs === undefined ? '' : ` of ${formatDuration(options.durationNs)}`;
  const who = `tracing pid ${target.info.pid}`;
  if (!surround.liveErrors) {
    const span = options.durationNs === undefined ? 'until it ends' : `for${whole.slice(3)}`;
    surround.err(`sonde: ${who} ${span}\n`);
    return { look: () => undefined, end: () => undefined };
  }
  return {
    look: (atNs: number, sample: { readonly rssBytes: number }) => {
      const elapsed = `${Math.round(atNs / 1e9)} s`;
      surround.err(`\r\u001b[K${who}: ${elapsed}${whole}, RSS ${formatBytes(sample.rssBytes)}`);
    },
    end: () => surround.err('\r\u001b[K'),
  };
}

/** Says that the target went away before the window's end; true when nothing can be concluded. */
function explainExit(
  observed: Observed,
  target: Target,
  launched: Launched | undefined,
  options: TraceOptions,
  surround: Surround,
): boolean {
  const { seen } = observed;
  if (seen.ended !== 'target-exited') return false;
  const short = seen.durationNs < WINDOW_MIN_NS;
  if (launched !== undefined && options.durationNs === undefined && !short) return false;
  const after = formatDuration(seen.durationNs);
  surround.err(
    `sonde: trace ${target.info.pid}: the process exited after ${after}; ` +
      'the report covers that time\n' +
      '  trace it while it runs, or from its start: sonde trace -- COMMAND\n',
  );
  return short;
}

function assembleReport(
  opened: Opened,
  observed: Observed,
  target: Target,
  about: { readonly startedAt: string; readonly minAgeNs: number; readonly inlined: boolean },
): Report {
  const { seen, stacks, startNs } = observed;
  const { session } = opened;
  const inlined = about.inlined ? { inlined: new InlinedCalls() } : {};
  const symbolizer = new StackSymbolizer(target, inlined);
  const pageBytes = pageSize();
  const analysis = analyse(seen, {
    pageBytes,
    minAgeNs: about.minAgeNs,
    frames: stack => {
      const innermostExact = stacks.isExact(stack);
      const pcs = session.stack(stacks.idOf(stack));
      return symbolizer.symbolize(pcs, { innermostExact }).map(plainFrame);
    },
    truncated: stack => session.readStack(stacks.idOf(stack)).truncated,
    residentPages: ranges => readResidentPages(target, ranges, pageBytes),
  });
  const cost = session.cost();
  const unwinding = session.unwinding();
  const { pid, exe, goRelease, arch, buildId, cgo, stripped, pie, tableRung } = target.info;
  return buildReport({
    tracer: { version: VERSION, kernel: release() },
    target: {
      pid,
      exe,
      goRelease,
      arch,
      buildId: buildId === '' ? null : buildId,
      cgo,
      stripped,
      pie,
      offsets: tableRung,
    },
    startedAt: about.startedAt,
    seen,
    analysis,
    names: symbolizer.notes(),
    cost: {
      hits: cost.hits,
      cpuNs: cost.cpuNs,
      ...(cost.shareOfTargetCpu > 0 ? { shareOfTargetCpu: cost.shareOfTargetCpu } : {}),
      perHitNs: cost.perHitNs,
      brake: cost.brake.map(({ atNs, probe, point, reason }) => ({
        atNs: Number(atNs - startNs),
        probe,
        point,
        reason,
      })),
      ...(unwinding === undefined ? {} : { unwinding }),
    },
  });
}

function plainFrame({ address: _address, ...frame }: NamedFrame): Frame {
  return frame;
}

function print(report: Report, options: TraceOptions, surround: Surround): void {
  const { width, colour, unicode } = surround;
  if (options.json !== '-') {
    const { rawStacks = false } = options;
    surround.out(writeText(report, { width, colour, unicode, rawStacks }));
  }
  if (options.json === undefined) return;
  const json = writeJson(report);
  if (options.json === '-') {
    surround.out(json);
    return;
  }
  try {
    writeFileSync(options.json, json);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`write --json: ${why}`, {
      hint: 'give a path that can be written',
      cause,
    });
  }
}

function exitCode(report: Report, options: TraceOptions): number {
  if (report.verdict.failed !== null) return EXIT.failed;
  const leaks = report.verdict.class === 'c-leak' || report.verdict.class === 'go-retention';
  return options.failOnLeak && leaks ? EXIT.found : EXIT.done;
}
