/**
 * The one error that a wrong schema gives. What a reader would get wrong: the message already
 * starts with the author's file and line when a source index was passed to `toIr`.
 */
import type { SourcePosition } from './ir.js';

/** A schema that cannot be laid out: where it says so, why, and what to write instead. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
  /** Path of the declaration, e.g. `events.alloc.sizeBytes`. */
  readonly path: string;
  /** The reason alone, without position and path. */
  readonly reason: string;
  readonly position?: SourcePosition;
  readonly hint?: string;

  constructor(path: string, reason: string, hint?: string, position?: SourcePosition) {
    const where = position === undefined ? '' : `${position.file}:${position.line}: `;
    super(`${where}schema ${path}: ${reason}`);
    this.path = path;
    this.reason = reason;
    if (hint !== undefined) this.hint = hint;
    if (position !== undefined) this.position = position;
  }

  /** The same error, told where in the author's file it stands. */
  at(position: SourcePosition | undefined): SchemaError {
    return position === undefined
      ? this
      : new SchemaError(this.path, this.reason, this.hint, position);
  }
}

/** The error for what is no type: schemas are run without being type-checked. */
export function notAType(path: string, given: unknown): SchemaError {
  const shown = JSON.stringify(given) as string | undefined;
  const hint = "call one, such as u64('…'), or named('…') for one of `types`";
  return new SchemaError(path, `${shown ?? typeof given} is no type of a field`, hint);
}
