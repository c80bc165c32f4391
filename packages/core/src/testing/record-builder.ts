/**
 * Bytes of events, from field values and the probe's representation: what BPF would have sent. The
 * fact that is easy to get wrong: fields that are not given are zero, so whatever a test sets is
 * what the test is about.
 */
import type {
  EnumIr,
  EventIr,
  FieldIr,
  ProbeIr,
  ScalarName,
  StructIr,
  TypeIr,
  UnionIr,
} from '../schema/index.js';

/** A field's value: numbers for scalars, names for enums, nested objects and arrays. */
export type FieldValue =
  | number
  | bigint
  | boolean
  | string
  | Uint8Array
  | readonly FieldValue[]
  | { readonly [field: string]: FieldValue };

/** Values of an event's fields by their names in the schema. */
export type FieldValues = Readonly<Record<string, FieldValue>>;

/** What the header says besides the event's number and the size. */
export interface RecordOptions {
  /** Number of the probe's first event; default 0. */
  readonly eventBase?: number;
  readonly ktimeNs?: bigint;
}

const HEADER_BYTES = 16;
const SCALAR_BYTES: Readonly<Record<ScalarName, number>> = {
  u8: 1,
  s8: 1,
  bool: 1,
  u16: 2,
  s16: 2,
  u32: 4,
  s32: 4,
  u64: 8,
  s64: 8,
};

class RecordWriter {
  readonly #view: DataView;
  readonly #ir: ProbeIr;

  constructor(view: DataView, ir: ProbeIr) {
    this.#view = view;
    this.#ir = ir;
  }

  struct(struct: StructIr, base: number, values: FieldValues): void {
    for (const name of Object.keys(values)) {
      if (!struct.fields.some(field => field.name === name)) {
        throw new RangeError(`build ${struct.name}: it has no field ${name}`);
      }
    }
    for (const field of struct.fields) {
      const value = values[field.name];
      if (value !== undefined) this.#field(field, base + field.offsetBytes, value, values);
    }
  }

  #field(field: FieldIr, at: number, value: FieldValue, siblings: FieldValues): void {
    const { type } = field;
    if (type.kind === 'bits') {
      this.#bits(type.scalar, type.bits, at, field.bitOffset ?? 0, BigInt(value as number));
    } else if (type.kind === 'union') {
      this.#union(this.#named<UnionIr>(type.name), at, value, siblings);
    } else {
      this.#value(type, at, value);
    }
  }

  #value(type: Exclude<TypeIr, { kind: 'bits' | 'union' }>, at: number, value: FieldValue): void {
    switch (type.kind) {
      case 'scalar':
        this.#scalar(type.scalar, at, BigInt(value as number));
        return;
      case 'enum':
        this.#enum(this.#named<EnumIr>(type.name), at, value);
        return;
      case 'struct':
        this.struct(this.#named<StructIr>(type.name), at, value as FieldValues);
        return;
      case 'string':
      case 'bytes':
        this.#bytes(typeof value === 'string' ? Buffer.from(value) : value, at, type.bytes);
        return;
      case 'array':
      case 'flexible':
        (value as readonly FieldValue[]).forEach((each, i) => {
          const size = this.sizeOf(type.of);
          this.#value(type.of as typeof type & { kind: 'array' }, at + i * size, each);
        });
    }
  }

  #scalar(scalar: ScalarName, at: number, value: bigint): void {
    this.#bits(scalar, 8 * SCALAR_BYTES[scalar], at, 0, value);
  }

  /** Sets `bits` bits from `bitOffset` of the little-endian unit at `at`, leaving the others. */
  #bits(scalar: ScalarName, bits: number, at: number, bitOffset: number, value: bigint): void {
    const size = SCALAR_BYTES[scalar];
    let unit = 0n;
    for (let i = size - 1; i >= 0; i--) unit = (unit << 8n) | BigInt(this.#view.getUint8(at + i));
    const mask = ((1n << BigInt(bits)) - 1n) << BigInt(bitOffset);
    unit = (unit & ~mask) | (BigInt.asUintN(bits, value) << BigInt(bitOffset));
    for (let i = 0; i < size; i++) {
      this.#view.setUint8(at + i, Number((unit >> BigInt(8 * i)) & 0xffn));
    }
  }

  #enum(declared: EnumIr, at: number, value: FieldValue): void {
    const found = declared.values.find(each => each.name === value);
    if (typeof value === 'string' && found === undefined) {
      throw new RangeError(`build ${declared.name}: it has no value ${value}`);
    }
    this.#scalar(declared.scalar, at, BigInt(found?.value ?? (value as number)));
  }

  #union(declared: UnionIr, at: number, value: FieldValue, siblings: FieldValues): void {
    const tag = siblings[declared.tagField];
    const variant = declared.variants.find(each => each.tag === tag);
    if (variant === undefined) {
      throw new RangeError(`build ${declared.name}: no variant for tag ${String(tag)}`);
    }
    this.struct(this.#named<StructIr>(variant.struct), at, value as FieldValues);
  }

  #bytes(value: FieldValue, at: number, limit: number): void {
    const bytes = value as Uint8Array;
    if (bytes.length > limit) {
      throw new RangeError(`build bytes: ${bytes.length} do not fit into ${limit}`);
    }
    bytes.forEach((byte, i) => this.#view.setUint8(at + i, byte));
  }

  #named<T extends StructIr | EnumIr | UnionIr>(name: string): T {
    const found = this.#ir.types.find(type => type.name === name);
    if (found === undefined) throw new RangeError(`build record: no type ${name}`);
    return found as T;
  }

  sizeOf(type: TypeIr): number {
    switch (type.kind) {
      case 'scalar':
      case 'bits':
        return SCALAR_BYTES[type.scalar];
      case 'enum':
        return SCALAR_BYTES[this.#named<EnumIr>(type.name).scalar];
      case 'struct':
      case 'union':
        return this.#named<StructIr | UnionIr>(type.name).sizeBytes;
      case 'string':
      case 'bytes':
        return type.bytes;
      case 'array':
        return type.length * this.sizeOf(type.of);
      case 'flexible':
        return 0;
    }
  }
}

function flexibleTail(event: EventIr, values: FieldValues, ir: ProbeIr): number {
  const last = event.struct.fields.at(-1);
  if (last?.type.kind !== 'flexible') return 0;
  const list = (values[last.name] ?? []) as readonly FieldValue[];
  return list.length * new RecordWriter(new DataView(new ArrayBuffer(0)), ir).sizeOf(last.type.of);
}

/**
 * The bytes of one event, header included. Throws RangeError for names that the schema does not
 * have. A flexible array makes the record longer; its length field is the caller's to set.
 */
export function buildRecord(
  ir: ProbeIr,
  eventName: string,
  values: FieldValues,
  options: RecordOptions = {},
): DataView {
  const event = ir.events.find(each => each.name === eventName);
  if (event === undefined) throw new RangeError(`build event ${eventName}: ${ir.name} has no such`);
  const size = event.struct.sizeBytes + flexibleTail(event, values, ir);
  const view = new DataView(new ArrayBuffer(size));
  view.setUint16(0, (options.eventBase ?? 0) + event.index, true);
  view.setUint32(4, size, true);
  view.setBigUint64(8, options.ktimeNs ?? 0n, true);
  const struct = {
    ...event.struct,
    fields: event.struct.fields.filter(field => field.offsetBytes >= HEADER_BYTES),
  };
  new RecordWriter(view, ir).struct(struct, 0, values);
  return view;
}
