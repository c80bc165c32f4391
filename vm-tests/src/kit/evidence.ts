/**
 * What a kernel test run leaves as data: one line of JSON for each program, each way to attach and
 * each test that compared events, among the lines of its TAP output.
 *
 * The fact readers get wrong: these lines come out one by one, over the serial port of a guest, so
 * that a guest which dies half way has still said what it knew. They are TAP comments.
 */
import { writeSync } from 'node:fs';

/** The object of a probe, as it was found in the cell. */
export interface ObjectEvidence {
  readonly kind: 'object';
  readonly probe: string;
  readonly compiled: boolean;
  /** The schema's hash, which the object carries. */
  readonly hash: string;
  /** Thresholds of the schema, where it has any. */
  readonly budget?: {
    readonly instructions: number;
    readonly states?: number;
    readonly growth?: number;
  };
  readonly reason?: string;
}

/** One program that the verifier was given. */
export interface ProgramEvidence {
  readonly kind: 'program';
  readonly probe: string;
  readonly program: string;
  /** The mode that was set at load: constants of it decide which code is verified. */
  readonly mode: string;
  readonly compiled: boolean;
  readonly loaded: boolean;
  /** Instructions that the verifier processed. */
  readonly instructions?: number;
  /** States that it kept in all, and the most at one time. */
  readonly totalStates?: number;
  readonly peakStates?: number;
  readonly reason?: string;
  /** File of the whole log, below the folder SONDE_OUT. */
  readonly log?: string;
}

/** One way to attach that was tried, alone, on one program of known truth. */
export interface AttachEvidence {
  readonly kind: 'attach';
  readonly probe: string;
  readonly point: string;
  readonly need: 'required' | 'optional';
  readonly alternative: string;
  readonly attachKind: string;
  readonly program: string;
  readonly attached: boolean;
  readonly reason?: string;
  readonly log?: string;
}

/** One test that compared events with the truth, or should have. */
export interface SeenEvidence {
  readonly kind: 'seen';
  readonly probe: string;
  readonly test: string;
  readonly goRelease?: string;
  readonly build?: string;
  /** The attach points whose events were compared, each with the alternative in use. */
  readonly points: readonly { readonly point: string; readonly alternative: string }[];
  /** Events, addresses or totals that were compared. */
  readonly compared: number;
  readonly seen: boolean;
  /** True where the kernel or the architecture cannot have it: an earned skip. */
  readonly earned?: true;
  readonly reason?: string;
}

/** Any line of evidence. */
export type Evidence = ObjectEvidence | ProgramEvidence | AttachEvidence | SeenEvidence;

const EVIDENCE = /^\s*# evidence (\{.*\})$/;
const REASON_CHARACTERS = 300;

/** A message as one line of bounded length. */
export function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > REASON_CHARACTERS ? `${line.slice(0, REASON_CHARACTERS - 1)}…` : line;
}

/** Writes one line of evidence to standard output. */
export function writeEvidence(evidence: Evidence): void {
  writeSync(1, `# evidence ${JSON.stringify(evidence)}\n`);
}

/**
 * Reads the evidence among the lines of a TAP output. A line that was cut off, as by a guest that
 * died, is left out.
 */
export function readEvidence(lines: readonly string[]): Evidence[] {
  const found: Evidence[] = [];
  for (const line of lines) {
    const text = EVIDENCE.exec(line)?.[1];
    if (text === undefined) continue;
    try {
      found.push(JSON.parse(text) as Evidence);
    } catch {
      continue;
    }
  }
  return found;
}
