/**
 * What a session takes and what it shows. The fact that is easy to get wrong: `hits` and losses are
 * as of the last refresh(), and hits count what the target did, whether or not a record came of it.
 */
import type { ProbeModule } from '../decode/index.js';
import type { FeatureOverrides, VerifiedProgram } from '../loader/index.js';
import type { MapRows } from '../libbpf/index.js';
import type { AttachIr, AttachPointIr } from '../schema/index.js';
import type { AttachLocation, Target, TargetInfo } from '../target/index.js';
import type { CostClass } from './calibration.js';

/** What the session needs of a target; tests make their own, everyone else has a {@link Target}. */
export type SessionTarget = Pick<Target, 'config' | 'cpuNs' | 'close'> & {
  readonly info: Pick<TargetInfo, 'pid'>;
  resolve(attach: AttachIr): readonly AttachLocation[];
  refreshMaps(): unknown;
  exited(signal?: AbortSignal): Promise<void>;
};

/** One probe to attach, and how. */
export interface ProbeRequest {
  readonly module: ProbeModule;
  /** Parameters that differ from the schema's defaults, by name. */
  readonly params?: Readonly<Record<string, number>>;
  /** Default: the first mode of the schema. */
  readonly mode?: 'stream' | 'aggregate';
  /** Attach point → the one alternative to use. */
  readonly attach?: Readonly<Record<string, string>>;
  /** Names of alternatives: a point that has one of them uses only those. */
  readonly attachAny?: readonly string[];
  /** Attach points to leave out. */
  readonly skipPoints?: readonly string[];
}

/** What to trace, by which probes, and how much it may cost; most has a default. */
export interface SessionOptions {
  /** Target's pid in this process's namespace. */
  readonly pid: number;
  readonly probes: readonly ProbeRequest[];
  /** Size of the ring, a power of two and at least a page. Default 8 MiB. */
  readonly ringBytes?: number;
  /** False: no unwinding of C code, only its innermost frame. Default true. */
  readonly wholeStacks?: boolean;
  /**
   * Most stacks that one CPU copies to this process in 100 ms, those without a rule yet. More are
   * counted as lost. Default 16384.
   */
  readonly stackCopiesMax?: number;
  /** Distinct stacks that can be kept. Default: what the objects declare. */
  readonly stacksMax?: number;
  /** Entries of the probes' maps by the map's name, e.g. for a small guest. */
  readonly mapEntries?: Readonly<Record<string, number>>;
  /** Share of one CPU that tracing may take for a second; default 0.10. `off` lifts the brake. */
  readonly maxOverhead?: number | 'off';
  /** Clock of CLOCK_MONOTONIC, as in records; default process.hrtime.bigint. */
  readonly now?: () => bigint;
  /** Ends the session when aborted. */
  readonly signal?: AbortSignal;
  /** Gets one line for whatever a user may want to know. */
  readonly log?: (line: string) => void;
  /**
   * True: the verifier is asked for its statistics of every program, its states too and before
   * Linux 5.16. Default false: then only newer kernels tell, and only the instructions.
   */
  readonly verifierStatistics?: boolean;
  /** Declares kernel features present or absent, so that both ways can be tested. */
  readonly features?: Partial<FeatureOverrides>;
}

/** One place that a program was attached to. */
export interface AttachedSite {
  readonly siteId: number;
  /** For people: `malloc+0x0 push rbp in libc.so.6`, or the kernel function. */
  readonly location: string;
  /** Runtime address; 0n in the kernel. */
  readonly address: bigint;
  readonly fileOffset: number;
  /** Path of the file as the session opened it; empty in the kernel. */
  readonly file: string;
  readonly costClass: CostClass;
  /** As of the last refresh(). */
  hits: number;
}

/** An alternative that was tried before the one that works. */
export interface FailedAlternative {
  readonly alternative: string;
  readonly reason: string;
  readonly error: Error;
}

/** An attach point as it came out. */
export interface AttachedPoint {
  readonly point: string;
  readonly need: AttachPointIr['need'];
  /** Name and kind of the alternative in use; empty when none is. */
  readonly alternative: string;
  readonly kind: AttachIr['kind'] | '';
  /** What this alternative cannot see, in the author's words. */
  readonly limits?: string;
  /** Whether it is attached, or was until the session ended; false once the brake gave it up. */
  attached: boolean;
  /** Why none of the alternatives works. */
  readonly error?: string;
  readonly failures: readonly FailedAlternative[];
  readonly sites: readonly AttachedSite[];
  /** When and why it was detached before the end, by the session's clock. */
  detachedAtNs?: bigint;
  detachReason?: string;
}

/** How one probe came out: its mode, the numbers of its events, and every attach point. */
export interface AttachedProbe {
  readonly name: string;
  readonly mode: 'stream' | 'aggregate';
  /** The header's event number is this plus the event's index. */
  readonly eventBase: number;
  readonly points: readonly AttachedPoint[];
  /** The programs that were loaded, and what verifying them took. */
  readonly programs: readonly VerifiedProgram[];
}

/** What should have been seen and was not. */
export interface LossCounts {
  readonly ringFull: number;
  readonly mapFull: number;
  readonly stackLost: number;
  readonly unpaired: number;
  readonly probeMissed: number;
  readonly readFailed: number;
  /** Records of an unknown number or a wrong size. */
  readonly malformed: number;
}

/** Losses of the session and of each probe. */
export interface Losses extends LossCounts {
  readonly probes: Readonly<Record<string, LossCounts>>;
}

/** An attach point that was given up because tracing cost too much, with time and reason. */
export interface BrakeAction {
  readonly atNs: bigint;
  readonly probe: string;
  readonly point: string;
  readonly reason: string;
}

/** What the tracing itself cost the target. */
export interface TracingCost {
  /** Calibrated cost of a hit by class, the BPF program not included. */
  readonly perHitNs: Readonly<Record<CostClass, number>>;
  /** Whether perHitNs was measured here, or assumed, and why. */
  readonly evidence: string;
  readonly hits: number;
  readonly cpuNs: number;
  /** cpuNs over the CPU time that the target used since the session began; 0 if it used none. */
  readonly shareOfTargetCpu: number;
  readonly brake: readonly BrakeAction[];
}

/** Why nothing is attached any more; `error` only where the reason is one. */
export interface SessionEnd {
  readonly reason: 'target-exited' | 'aborted' | 'stopped' | 'error';
  readonly error?: Error;
}

/** Gets one event of one kind; the view is the ring itself, valid during the call only. */
export type EventHandler = (view: DataView, offset: number) => void;

/** Gets every event, named. */
export type AnyEventHandler = (
  probe: string,
  event: string,
  view: DataView,
  offset: number,
) => void;

/** A stack's addresses, and why they are not all. */
export interface ReadStack {
  /** Program counters, innermost first. */
  readonly pcs: readonly bigint[];
  /** Why frames are missing; absent where none is. */
  readonly truncated?: string;
}

/** What it took to unwind C code. */
export interface UnwindCounts {
  /** Stacks that were copied because an address had no rule yet. */
  readonly copies: number;
  /** Rules in the kernel's table. */
  readonly rules: number;
  /** Rules for which the table had no room. */
  readonly rulesLeftOut: number;
  /** Provisional ids and stacks forgotten to bound memory; each is in `stackLost` too. */
  readonly idsForgotten: number;
  /** How often all rules were forgotten because code was unmapped. */
  readonly forgotten: number;
}

/** A running, or ended, trace. */
export interface Session<T extends SessionTarget = Target> {
  readonly target: T['info'];
  /** The opened target itself, for maps, memory and names. */
  readonly process: T;
  readonly probes: readonly AttachedProbe[];
  /** Calls the handler for each event of one kind. Throws UsageError for unknown names. */
  onEvent(probe: string, event: string, handler: EventHandler): void;
  /** Calls the handler for each event of any kind, after those of onEvent. */
  onEvents(handler: AnyEventHandler): void;
  /** Reads all that is in the ring now; returns the number of records. */
  drain(): number;
  /** All rows of a probe's map by its name in the schema. Possible until close(). */
  readMap(probe: string, map: string): MapRows;
  /** A stack's program counters, innermost first; [] when unknown. Possible until close(). */
  stack(id: bigint): readonly bigint[];
  /** The same, with the reason where frames are missing. */
  readStack(id: bigint): ReadStack;
  /**
   * The id under which the same stack is known once it can be unwound in the kernel. Ids of the
   * first hits differ from it: bit 63 is set. May read the ring, and so call event handlers.
   */
  canonicalStack(id: bigint): bigint;
  /** What unwinding of C code needed; undefined where it is off. */
  unwinding(): UnwindCounts | undefined;
  /** Reads hits and losses from BPF. */
  refresh(): void;
  losses(): Losses;
  cost(): TracingCost;
  /** Resolves once everything is detached and the ring was read to its end; never rejects. */
  readonly ended: Promise<SessionEnd>;
  /** Detaches, reads the last records, and resolves with `ended`. Idempotent. */
  stop(): Promise<void>;
  /** stop(), then frees maps, programs and the target that the session opened. Idempotent. */
  close(): Promise<void>;
}
