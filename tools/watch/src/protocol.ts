/**
 * What the watcher and its agents say to each other: one line of JSON to a waiting agent, and marks
 * on lines of their own in what it prints. What a reader would get wrong: everything else that an
 * agent prints is TAP, in between and unescaped.
 */

/** Printed when an agent has loaded everything and waits for its order. */
export const READY = '##AGENT ready';
/** Printed by what starts agents, before the exit code, when one has ended. */
export const EXIT = '##AGENT exit ';

/** A file that the agent has to write before it runs the tests. */
export interface DeliveredFile {
  readonly path: string;
  /** Place in the device named by the environment variable RESULTS; absent: it is there already. */
  readonly offset?: number;
  readonly bytes?: number;
}

/** One run: what to write, what to set, what to import. */
export interface Order {
  readonly files: readonly DeliveredFile[];
  readonly env: Readonly<Record<string, string>>;
  /** Path of the module that holds the tests. */
  readonly bundle: string;
}

/** How an agent ended. */
export interface AgentResult {
  /** What it printed after its order, marks left out. */
  readonly lines: readonly string[];
  /** Undefined when it was killed or its guest died. */
  readonly code: number | undefined;
}
