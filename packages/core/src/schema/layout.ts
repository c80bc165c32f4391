/**
 * The C layout of a struct, computed here and nowhere else: natural alignment of the BPF target
 * (64-bit, little endian), every hole filled by a named padding field. What a reader would get
 * wrong: a bit-field never straddles its storage unit here. C would move it in silence, so this
 * code refuses it; and a flexible array starts exactly at sizeof, so that a record's size is
 * sizeof + n * element.
 */
import type { FieldSpec } from './field-types.js';
import type { FieldIr, ScalarName, SourcePosition, StructIr, TypeIr } from './ir.js';
import { SchemaError } from './schema-error.js';

/** Size and alignment of a type in bytes, both as C's sizeof and _Alignof would say. */
export interface Extent {
  readonly sizeBytes: number;
  readonly alignBytes: number;
}

/** What layout asks of the rest of the schema: what a type is, how large, and where it stands. */
export interface LayoutContext {
  resolve(spec: FieldSpec, path: string): TypeIr;
  extent(type: TypeIr): Extent;
  position(path: string): SourcePosition | undefined;
  doc(path: string): string | undefined;
}

const SCALAR_BYTES: Readonly<Record<ScalarName, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  s8: 1,
  s16: 2,
  s32: 4,
  s64: 8,
  bool: 1,
};

/** Size of a scalar in bytes, which is its alignment too. */
export function scalarBytes(scalar: ScalarName): number {
  return SCALAR_BYTES[scalar];
}

/** The next multiple of `align` that is not below `offset`. */
export function alignUp(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}

/** A run of bit-fields that share one storage unit. */
interface BitRun {
  readonly scalar: ScalarName;
  readonly offsetBytes: number;
  usedBits: number;
}

/** Places fields one after the other; `finish` pads the end and gives the struct. */
class StructBuilder {
  readonly fields: FieldIr[] = [];
  #offset = 0;
  #align = 1;
  #paddings = 0;
  #run: BitRun | undefined;

  constructor(readonly context: LayoutContext) {}

  /** Appends one field with the padding that it needs; throws a SchemaError at its path. */
  add(name: string, spec: FieldSpec, path: string): void {
    const last = this.fields.at(-1);
    if (last?.type.kind === 'flexible') {
      throw new SchemaError(
        path,
        `field comes after the flexible array ${last.name}`,
        'a flexible array must be the last field of its event',
      );
    }
    const type = this.context.resolve(spec, path);
    if (type.kind === 'bits') {
      this.#addBits(name, spec, type, path);
      return;
    }
    this.#closeRun();
    const { sizeBytes, alignBytes } = this.context.extent(type);
    this.#align = Math.max(this.#align, alignBytes);
    this.#padTo(alignUp(this.#offset, type.kind === 'flexible' ? this.#align : alignBytes));
    this.#push({ name, about: spec.about, type, offsetBytes: this.#offset, sizeBytes }, path);
    this.#offset += sizeBytes;
  }

  /** Pads to the struct's alignment and returns size, alignment and fields. */
  finish(): Extent & { readonly fields: readonly FieldIr[] } {
    this.#closeRun();
    this.#padTo(alignUp(this.#offset, this.#align));
    return { sizeBytes: this.#offset, alignBytes: this.#align, fields: this.fields };
  }

  #addBits(
    name: string,
    spec: FieldSpec,
    type: Extract<TypeIr, { kind: 'bits' }>,
    path: string,
  ): void {
    const unitBytes = scalarBytes(type.scalar);
    if (type.bits > unitBytes * 8) {
      throw new SchemaError(path, `bit-field of ${type.bits} bits does not fit a ${type.scalar}`);
    }
    const run = this.#runFor(type.scalar, unitBytes, path);
    const left = unitBytes * 8 - run.usedBits;
    if (type.bits > left) {
      throw new SchemaError(
        path,
        `bit-field of ${type.bits} bits crosses the end of its ${type.scalar}: ${left} bits left`,
        `fill the unit with a field of ${left} bits before it, or reorder`,
      );
    }
    const place = { offsetBytes: run.offsetBytes, sizeBytes: unitBytes, bitOffset: run.usedBits };
    this.#push({ name, about: spec.about, type, ...place }, path);
    run.usedBits += type.bits;
    if (run.usedBits === unitBytes * 8) this.#run = undefined;
  }

  #runFor(scalar: ScalarName, unitBytes: number, path: string): BitRun {
    if (this.#run !== undefined) {
      if (scalarBytes(this.#run.scalar) === unitBytes) return this.#run;
      throw new SchemaError(
        path,
        `bit-field of ${scalar} starts inside an unfinished ${this.#run.scalar}`,
        `fill the ${this.#run.scalar} first, or give all of its bit-fields one width`,
      );
    }
    this.#align = Math.max(this.#align, unitBytes);
    this.#padTo(alignUp(this.#offset, unitBytes));
    this.#run = { scalar, offsetBytes: this.#offset, usedBits: 0 };
    this.#offset += unitBytes;
    return this.#run;
  }

  /** Fills the rest of an open storage unit, so that no following field can lie inside it. */
  #closeRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    const unitBytes = scalarBytes(run.scalar);
    const scalar = `u${unitBytes * 8}` as ScalarName;
    this.fields.push({
      name: this.#paddingName(),
      about: 'padding',
      type: { kind: 'bits', scalar, bits: unitBytes * 8 - run.usedBits, unit: 'none' },
      offsetBytes: run.offsetBytes,
      sizeBytes: unitBytes,
      bitOffset: run.usedBits,
      padding: true,
    });
  }

  #padTo(offset: number): void {
    const hole = offset - this.#offset;
    if (hole === 0) return;
    this.fields.push({
      name: this.#paddingName(),
      about: 'padding',
      type: { kind: 'bytes', bytes: hole },
      offsetBytes: this.#offset,
      sizeBytes: hole,
      padding: true,
    });
    this.#offset = offset;
  }

  #paddingName(): string {
    return `pad${this.#paddings++}`;
  }

  #push(field: FieldIr, path: string): void {
    const source = this.context.position(path);
    const doc = this.context.doc(path);
    this.fields.push({
      ...field,
      ...(doc === undefined ? {} : { doc }),
      ...(source === undefined ? {} : { source }),
    });
  }
}

/** Lays out one struct whose fields stand at `path.<field>`; throws SchemaError at a field. */
export function layoutStruct(
  declared: { readonly name: string; readonly about: string; readonly path: string },
  fields: Iterable<readonly [string, FieldSpec]>,
  context: LayoutContext,
): StructIr {
  const builder = new StructBuilder(context);
  for (const [name, spec] of fields) builder.add(name, spec, `${declared.path}.${name}`);
  const laidOut = builder.finish();
  const source = context.position(declared.path);
  return {
    kind: 'struct',
    name: declared.name,
    about: declared.about,
    ...laidOut,
    ...(source === undefined ? {} : { source }),
  };
}
