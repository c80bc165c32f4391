/**
 * A workload under this probe, for the kernel tests: what it says, what the probe says, and the
 * names that the workload itself gives to a stack. What a reader would get wrong: the C library
 * also allocates for threads that the Go runtime starts, so only allocations of known C functions,
 * or at known addresses, are compared; the others are real but belong to no one's plan.
 */
import { openSession, type ProbeRequest, type Session, type SessionOptions } from '@sonde/core';
import { probe } from '../gen/cgo-malloc.js';

/** One line of a workload, parsed. */
export type WorkloadLine = Record<string, unknown>;

/** What this room needs of a running workload; the tests start it with the kit of vm-tests. */
export interface TracedProgram {
  readonly pid: number;
  next(): Promise<WorkloadLine>;
  command(text: string): Promise<WorkloadLine>;
  send(text: string): void;
  stop(): Promise<number>;
}

/** One record, decoded. */
export interface TracedEvent {
  readonly name: string;
  readonly fields: Record<string, unknown>;
}

/** A traced workload with everything that was seen so far. */
export interface Traced {
  readonly workload: TracedProgram;
  readonly session: Session;
  readonly events: TracedEvent[];
  /** Lines that the workload printed before it was ready. */
  readonly before: WorkloadLine[];
}

/** How a workload is traced. */
export interface TraceOptions {
  /** A command that is done before the attach, e.g. so that all threads exist by then. */
  readonly warmUp?: string;
  readonly request?: Omit<ProbeRequest, 'module'>;
  readonly session?: Partial<SessionOptions>;
}

/** Attaches the probe to a running process; the brake is off, as these tests count everything. */
export function attach(pid: number, options: TraceOptions = {}): Promise<Session> {
  return openSession({
    pid,
    maxOverhead: 'off',
    mapEntries: { live: 65536 },
    ...options.session,
    probes: [{ module: probe, ...options.request }],
  });
}

/** Waits until a workload is ready, and traces it. */
export async function trace(workload: TracedProgram, options: TraceOptions = {}): Promise<Traced> {
  const before: WorkloadLine[] = [];
  for (let line = await workload.next(); line['event'] !== 'ready'; line = await workload.next()) {
    before.push(line);
  }
  if (options.warmUp !== undefined) await workload.command(options.warmUp);
  const session = await attach(workload.pid, options);
  return { workload, session, before, events: collect(session) };
}

/** Decodes every event of a session into a list. */
export function collect(session: Session): TracedEvent[] {
  const events: TracedEvent[] = [];
  session.onEvents((_probe, name, view, offset) => {
    const codec = probe.events[name];
    if (codec === undefined) throw new Error(`decode event ${name}: the probe has none`);
    events.push({ name, fields: codec.decode(view, offset) });
  });
  return events;
}

/** Detaches the probe, then lets the workload go. */
export async function end({ session, workload }: Traced): Promise<void> {
  await session.close();
  workload.send('exit');
  await workload.stop();
}

/** Lines of the workload up to the one with this `event`, which is not among them. */
export async function linesUntil(workload: TracedProgram, event: string): Promise<WorkloadLine[]> {
  const lines: WorkloadLine[] = [];
  for (let line = await workload.next(); line['event'] !== event; line = await workload.next()) {
    lines.push(line);
  }
  return lines;
}

/** All rows of a map, decoded; the values of a per-CPU map are summed field by field. */
export function rows(
  session: Session,
  map: string,
): [key: unknown, value: Record<string, unknown>][] {
  const { keys, values, count, keyBytes, valueStrideBytes, cpus } = session.readMap(
    'cgo-malloc',
    map,
  );
  const codec = probe.maps[map];
  if (codec === undefined) throw new Error(`decode map ${map}: the probe has none`);
  return Array.from({ length: count }, (_, row) => {
    const slots = Array.from({ length: cpus }, (_slot, cpu) => {
      const at = row * valueStrideBytes + (cpu * valueStrideBytes) / cpus;
      return codec.decodeValue(values, at) as Record<string, unknown>;
    });
    return [codec.decodeKey(keys, row * keyBytes), slots.reduce(addFields)];
  });
}

function addFields(
  left: Record<string, unknown>,
  right: Record<string, unknown>,
): Record<string, unknown> {
  const sums = Object.entries(left).map(([name, value]) => [
    name,
    Number(value) + Number(right[name]),
  ]);
  return Object.fromEntries(sums) as Record<string, unknown>;
}

/** The Go functions of a stack, innermost first, as the workload's own tables name them. */
export async function goFunctions(
  workload: TracedProgram,
  pcs: readonly bigint[],
): Promise<string[]> {
  const words = pcs.map(pc => `0x${pc.toString(16)}`).join(' ');
  const line = await workload.command(`frames ${words}`);
  return line['functions'] as string[];
}
