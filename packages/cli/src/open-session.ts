/**
 * Opens the session of a trace with as many of its probes as work here. The fact a reader gets
 * wrong: a trace without page faults is worth having, so a probe that cannot be opened is left out
 * and named in the report with its reason; only input and rights end the attempt at once.
 */
import { startSession, UsageError, type ProbeRequest, type Session } from '@sonde/core';
import type { Target } from '@sonde/core/target';
import { PROBES } from '@sonde/memory';
import { pickProbe, type FoundProbe } from './discovery.js';

/** A session, and who could not be part of it. */
export interface Opened {
  readonly session: Session<Target>;
  readonly requests: readonly ProbeRequest[];
  readonly missing: readonly { readonly name: string; readonly error: string }[];
}

/** What is passed on to the session. */
export interface OpenOptions {
  readonly attach: readonly string[];
  readonly maxOverhead: number | 'off';
  readonly ringBytes?: number;
  readonly log: (line: string) => void;
}

/** Probes of a trace, most wanted last: they are left out from the front. */
const MODES: readonly (readonly [name: string, mode: 'stream' | 'aggregate'])[] = [
  [PROBES.faults, 'stream'],
  [PROBES.goLarge, 'stream'],
  [PROBES.cHeap, 'aggregate'],
];

/** Opens the session. Throws the first reason when not even one probe can be opened. */
export async function openTraceSession(
  target: Target,
  probes: readonly FoundProbe[],
  options: OpenOptions,
): Promise<Opened> {
  const wanted = MODES.filter(([name]) => target.info.cgo || name !== PROBES.cHeap);
  const all = wanted.map(([name, mode]): ProbeRequest => {
    const { module } = pickProbe(probes, name);
    return { module, mode, attachAny: options.attach };
  });
  checkAttachNames(all, options.attach);
  const reasons = new Map<string, string>();
  let first: unknown;
  // Who was asked for an alternative by name is not left out: better an error than less.
  const insisted = all.filter(request => hasAlternative(request, options.attach));
  const tries = subsets(all).filter(some => insisted.every(request => some.includes(request)));
  for (const requests of tries) {
    const left = all.filter(request => !requests.includes(request));
    try {
      const { maxOverhead, log, ringBytes } = options;
      const session = await startSession(target, {
        pid: target.info.pid,
        probes: requests,
        maxOverhead,
        log,
        ...(ringBytes === undefined ? {} : { ringBytes }),
      });
      const missing = left.map(({ module: { ir } }) => ({
        name: ir.name,
        error: reasons.get(ir.name) ?? messageOf(first),
      }));
      return { session, requests, missing };
    } catch (error) {
      if (error instanceof UsageError) throw error;
      first ??= error;
      if (requests.length === 1) reasons.set(requests[0]!.module.ir.name, messageOf(error));
    }
  }
  throw first;
}

/** Non-empty subsets, larger ones first; among equals those that keep what comes last. */
function subsets<Item>(items: readonly Item[]): Item[][] {
  const masks = Array.from({ length: (1 << items.length) - 1 }, (_, index) => index + 1);
  const size = (mask: number) => items.filter((_, bit) => (mask >> bit) & 1).length;
  return masks
    .sort((a, b) => size(b) - size(a) || b - a)
    .map(mask => items.filter((_, bit) => (mask >> bit) & 1));
}

function hasAlternative(request: ProbeRequest, names: readonly string[]): boolean {
  const { attach } = request.module.ir;
  return attach.some(point => point.oneOf.some(each => names.includes(each.name)));
}

function checkAttachNames(requests: readonly ProbeRequest[], names: readonly string[]): void {
  const known = requests.flatMap(({ module: { ir } }) =>
    ir.attach.flatMap(point => point.oneOf.map(each => each.name)),
  );
  const choices = requests.flatMap(({ module: { ir } }) =>
    ir.attach
      .filter(point => point.oneOf.length > 1)
      .flatMap(point => point.oneOf.map(it => it.name)),
  );
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new UsageError(`read --attach: no probe has an alternative ${name}`, {
      hint: `there is: ${[...new Set(choices)].join(', ')}`,
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
