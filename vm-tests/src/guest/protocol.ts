/**
 * What a guest says on its serial port, line by line, and what that amounts to.
 *
 *   ##CELL start RELEASE      the userland is up
 *   ##STEP start NAME         one program begins; its own output follows
 *   ##STEP exit NAME CODE     it ended
 *   ##CELL exit CODE          the guest is about to power off: the worst of the steps' codes
 *
 * A pure state machine: lines in, values out. The fact readers get wrong: a step that crashed the
 * kernel has a start and no exit, and must be told apart from one that never started.
 */

/** What became of one step. */
export interface StepResult {
  readonly name: string;
  /** Exit code; undefined when the guest died or was stopped while it ran, or before. */
  exitCode: number | undefined;
  started: boolean;
  /** Milliseconds on the caller's clock, each as far as it came: start, first line, exit. */
  startMs?: number;
  firstLineMs?: number;
  endMs?: number;
  /** Its output, without the protocol's own lines. */
  readonly lines: string[];
}

/** Collects a guest's lines. */
export class GuestTranscript {
  /** `uname -r`, once the guest has started. */
  release: string | undefined;
  /** The guest's last word; undefined when it never said it. */
  exitCode: number | undefined;
  readonly steps: StepResult[];
  /** Lines outside any step: what went wrong before or between. */
  readonly loose: string[] = [];
  private current: StepResult | undefined;

  constructor(stepNames: readonly string[]) {
    this.steps = stepNames.map(name => ({ name, exitCode: undefined, started: false, lines: [] }));
  }

  /**
   * Takes one line without its line end, and the time at which it came. Returns the step that the
   * line belongs to, undefined for a line of the protocol or outside any step.
   */
  push(line: string, nowMs = 0): StepResult | undefined {
    const match = /^##(CELL|STEP) (start|exit) (\S+)(?: (\d+))?$/.exec(line);
    if (!match) {
      (this.current?.lines ?? this.loose).push(line);
      if (this.current) this.current.firstLineMs ??= nowMs;
      return this.current;
    }
    const [, level, event, word = '', code] = match;
    if (level === 'CELL') {
      if (event === 'start') this.release = word;
      else this.exitCode = Number(word);
      return undefined;
    }
    const step = this.steps.find(s => s.name === word);
    if (step && event === 'start') {
      step.started = true;
      step.startMs = nowMs;
      this.current = step;
    } else if (step) {
      step.exitCode = Number(code);
      step.endMs = nowMs;
      this.current = undefined;
    }
    return undefined;
  }
}
