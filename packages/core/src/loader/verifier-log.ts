/**
 * A verifier's log, reduced to what a person needs: the verdict in one line and the line of C that
 * it is about. The fact that is easy to get wrong: the last line is bookkeeping ("processed N
 * insns"), and the verdict before it may be two lines long.
 */

/** What a log says, in short. */
export interface VerifierVerdict {
  /** The verdict in one line, e.g. `R1 invalid mem access 'scalar'`; empty for an empty log. */
  readonly summary: string;
  /** The C line of the refused instruction as the log quotes it, with file and line if known. */
  readonly source: string;
  /** The refused instruction, e.g. `1: (61) r0 = *(u32 *)(r1 +0)`. */
  readonly instruction: string;
}

/** Lines that say how the verifier went about it, not what it found. */
const BOOKKEEPING = [
  /^processed \d+ insns/,
  /^stack depth /,
  /^verification time /,
  /^mark_precise: /,
  /^from \d+ to \d+/,
  /^R\d+(_w)?=/,
  /^last_idx /,
  /^parent /,
  /^regs=/,
  /^-- (BEGIN|END) /,
  /^(max_states_per_insn|peak_states|total_states)/,
  /^(cur|old) state:/,
];

const INSTRUCTION = /^\d+: \([0-9a-f]{2}\) /;
const STATE = /^\d+: (R\d|\()/;

function isVerdict(line: string): boolean {
  if (line === '' || line.startsWith(';')) return false;
  if (INSTRUCTION.test(line) || STATE.test(line)) return false;
  return !BOOKKEEPING.some(pattern => pattern.test(line));
}

/**
 * The lines of a log up to the verdict. Since 7.x an essay for people follows it: a reason, quoted
 * sources, suggestions; what this room makes of the verdict takes its place.
 */
export function verdictLines(log: string): string[] {
  const lines = log.split('\n').map(line => line.trim());
  const essay = lines.findIndex(line => line.startsWith('Verification failed: '));
  return essay < 0 ? lines : lines.slice(0, essay);
}

/** Reads a whole log. Never throws: what it does not find is empty. */
export function readVerifierLog(log: string): VerifierVerdict {
  const lines = verdictLines(log);
  let end = lines.length - 1;
  while (end >= 0 && !isVerdict(lines[end] as string)) end--;
  if (end < 0) return { summary: '', source: '', instruction: '' };
  let start = end;
  while (start > 0 && isVerdict(lines[start - 1] as string)) start--;
  const summary = lines.slice(start, end + 1).join('; ');
  let source = '';
  let instruction = '';
  for (let i = start - 1; i >= 0 && source === ''; i--) {
    const line = lines[i] as string;
    if (instruction === '' && INSTRUCTION.test(line)) instruction = line;
    // Lines of no code are quoted as `;  @ file:0`.
    if (/^; [^@\s]/.test(line)) source = line.slice(2);
  }
  return { summary, source, instruction };
}

/** Longest summary that still makes a message of one line on a screen. */
const SUMMARY_CHARACTERS = 200;

/** The summary cut to one screen line. */
export function shortSummary(verdict: VerifierVerdict): string {
  const { summary } = verdict;
  if (summary.length <= SUMMARY_CHARACTERS) return summary;
  return `${summary.slice(0, SUMMARY_CHARACTERS - 1)}…`;
}

/** What the verifier went through. */
export interface VerifierCounts {
  readonly instructions: number;
  readonly totalStates: number;
  readonly peakStates: number;
}

/**
 * The verifier's own statistics out of its last lines: `processed 59012 insns (limit 1000000)
 * max_states_per_insn 18 total_states 2206 peak_states 633 mark_read 41`. Undefined without them.
 */
export function readVerifierCounts(log: string): VerifierCounts | undefined {
  const found = /^processed (\d+) insns .*?total_states (\d+) peak_states (\d+)/m.exec(log);
  if (found === null) return undefined;
  const [instructions = 0, totalStates = 0, peakStates = 0] = found.slice(1).map(Number);
  return { instructions, totalStates, peakStates };
}
