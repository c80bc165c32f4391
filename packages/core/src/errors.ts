/**
 * The errors that callers of core tell apart, each by the question it answers. The next step for
 * the user is never part of the message: it is in `hint`, so that a screen can set it apart.
 */

/** Options shared by every error of core: the cause as for `Error`, and the user's next step. */
export interface SondeErrorOptions {
  readonly cause?: unknown;
  readonly hint?: string;
}

function causeOf(options: SondeErrorOptions): ErrorOptions {
  return options.cause === undefined ? {} : { cause: options.cause };
}

/** Bad input or missing rights: what the user gave cannot be used. The command exits with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly hint?: string;

  constructor(message: string, options: SondeErrorOptions = {}) {
    super(message, causeOf(options));
    if (options.hint !== undefined) this.hint = options.hint;
  }
}

/** The kernel, the library or the Go release lacks something. Answers: what, and since when? */
export class UnsupportedError extends Error {
  override readonly name = 'UnsupportedError';
  /** Name of the missing feature, as `feature()` or the Go tables spell it. */
  readonly feature: string;
  /** First release that has it, e.g. `5.15`; empty when no release is known to. */
  readonly since: string;
  readonly hint?: string;

  constructor(
    message: string,
    about: { readonly feature: string; readonly since: string },
    options: SondeErrorOptions = {},
  ) {
    super(message, causeOf(options));
    this.feature = about.feature;
    this.since = about.since;
    if (options.hint !== undefined) this.hint = options.hint;
  }
}

/** What is known about a BPF object or program that could not be opened, loaded or attached. */
export interface LoadFailure {
  /** Name of the BPF program, or empty when the object as a whole was refused. */
  readonly program?: string;
  /** The verifier's verdict in one line. */
  readonly summary?: string;
  /** C source line of the refused instruction, where the object's BTF names it. */
  readonly source?: string;
  /** Everything that the verifier or libbpf wrote. */
  readonly log?: string;
  /** Positive errno of the failed call, 0 when there was none. */
  readonly errno?: number;
  /** For authors: the line of C, what is wrong there, the schema's line, what to do; as lines. */
  readonly explanation?: readonly string[];
}

/** A BPF object was refused. Answers: which program, on which line, and what did they say? */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  readonly program: string;
  readonly summary: string;
  readonly source: string;
  readonly log: string;
  readonly errno: number;
  readonly explanation: readonly string[];
  readonly hint?: string;

  constructor(message: string, failure: LoadFailure = {}, options: SondeErrorOptions = {}) {
    super(message, causeOf(options));
    this.program = failure.program ?? '';
    this.summary = failure.summary ?? '';
    this.source = failure.source ?? '';
    this.log = failure.log ?? '';
    this.errno = failure.errno ?? 0;
    this.explanation = failure.explanation ?? [];
    if (options.hint !== undefined) this.hint = options.hint;
  }
}

/** What was thrown, as an Error; anything else becomes the message of one. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
