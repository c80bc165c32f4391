/**
 * Known values for every field of a struct: as a C initialiser, and as what a decoder must give.
 * What a reader would get wrong: nothing here knows an offset or a size. Values are made from types
 * and names alone, so that C compilers decide where they lie.
 */
import {
  snakeCase,
  type FieldIr,
  type ProbeIr,
  type ScalarName,
  type StructIr,
  type TypeIr,
} from '@sonde/core/schema';

/** `low` and `high` are the ends of each range; `pattern` differs from field to field. */
export type SampleKind = 'pattern' | 'low' | 'high';

/** A value in both forms. `exact` is false where a plain number would be above 2^53. */
export interface Sample {
  readonly c: string;
  readonly plain: unknown;
  /** The integer itself, for scalars, bit-fields and enums. */
  readonly integer?: bigint;
  readonly exact: boolean;
}

/** Which values to make: `turn` varies patterns, union variants and lengths. */
export interface SampleOptions {
  readonly kind: SampleKind;
  readonly turn: number;
}

const BIGINT_UNITS: readonly string[] = ['address', 'stackId', 'ktimeNs'];

/** Makes samples of one probe's structs. */
export class SampleMaker {
  #serial = 0;

  constructor(
    readonly ir: ProbeIr,
    readonly options: SampleOptions,
  ) {
    this.#serial = options.turn * 37;
  }

  /**
   * One sample for each field that the author declared, by name. A record's header is filled by
   * `header`, the C text of its initialiser.
   */
  struct(struct: StructIr): Map<string, Sample> {
    const samples = new Map<string, Sample>();
    const last = struct.fields.at(-1);
    for (const field of struct.fields) {
      if (field.padding === true || isHeader(field)) continue;
      samples.set(field.name, this.#field(field, struct));
    }
    if (last?.type.kind === 'flexible') {
      const { lengthField, maxLength } = last.type;
      const length = { pattern: 1 + (this.options.turn % maxLength), low: 0, high: maxLength }[
        this.options.kind
      ];
      samples.set(lengthField, {
        c: `${length}`,
        plain: length,
        integer: BigInt(length),
        exact: true,
      });
      samples.set(last.name, this.#list(last.type.of, length));
    }
    return samples;
  }

  #field(field: FieldIr, struct: StructIr): Sample {
    const union = struct.fields.find(
      other => other.type.kind === 'union' && this.#union(other.type.name).tagField === field.name,
    );
    if (union?.type.kind === 'union' && field.type.kind === 'enum') {
      return this.#enumValue(field.type.name, this.#variant(union.type.name).tag);
    }
    if (field.type.kind === 'flexible') return { c: '', plain: [], exact: true };
    return this.type(field.type);
  }

  /** A sample of any type but a flexible array. */
  type(type: TypeIr): Sample {
    switch (type.kind) {
      case 'scalar':
        return this.#scalar(type.scalar, width(type.scalar), BIGINT_UNITS.includes(type.unit));
      case 'bits':
        return this.#scalar(type.scalar, type.bits, type.bits > 53);
      case 'enum': {
        const { values } = this.#enum(type.name);
        const pick = { pattern: this.#next() % values.length, low: 0, high: values.length - 1 };
        return this.#enumValue(type.name, values[pick[this.options.kind]]?.name ?? '');
      }
      case 'struct':
        return this.#nested(type.name);
      case 'union': {
        const { tag, struct } = this.#variant(type.name);
        const value = this.#nested(struct);
        return {
          c: `{ .${snakeCase(tag)} = ${value.c} }`,
          plain: { tag, value: value.plain },
          exact: value.exact,
        };
      }
      case 'string': {
        const length = { pattern: Math.max(0, type.bytes - 1), low: 0, high: type.bytes }[
          this.options.kind
        ];
        const text = Array.from({ length }, () =>
          String.fromCharCode(97 + (this.#next() % 26)),
        ).join('');
        const c = [...text].map(letter => `'${letter}'`).join(', ');
        return { c: `{ ${c || '0'} }`, plain: text, exact: true };
      }
      case 'bytes': {
        const fixed = { pattern: undefined, low: 0, high: 255 }[this.options.kind];
        const raw = Uint8Array.from({ length: type.bytes }, () => fixed ?? this.#next() % 256);
        return { c: `{ ${raw.join(', ')} }`, plain: raw, exact: true };
      }
      case 'array':
        return this.#list(type.of, type.length);
      case 'flexible':
        throw new Error('make sample: a flexible array belongs to its record');
    }
  }

  #list(of: TypeIr, length: number): Sample {
    const items = Array.from({ length }, () => this.type(of));
    return {
      c: length === 0 ? '{}' : `{ ${items.map(item => item.c).join(', ')} }`,
      plain: items.map(item => item.plain),
      exact: items.every(item => item.exact),
    };
  }

  #nested(name: string): Sample {
    const struct = this.ir.types.find(type => type.name === name);
    if (struct?.kind !== 'struct') throw new Error(`make sample: ${name} is not a struct`);
    const samples = this.struct(struct);
    return {
      c: initializer(samples),
      plain: Object.fromEntries([...samples].map(([key, sample]) => [key, sample.plain])),
      exact: [...samples.values()].every(sample => sample.exact),
    };
  }

  #scalar(scalar: ScalarName, bits: number, asBigint: boolean): Sample {
    if (scalar === 'bool') {
      const value =
        this.options.kind === 'pattern' ? this.#next() % 2 : Number(this.options.kind === 'high');
      return { c: `${value}`, plain: value === 1, integer: BigInt(value), exact: true };
    }
    const signed = scalar.startsWith('s');
    const integer = this.#integer(bits, signed, asBigint);
    const exact = asBigint || (integer >= -(2n ** 53n) + 1n && integer < 2n ** 53n);
    return { c: cInteger(integer), plain: asBigint ? integer : Number(integer), integer, exact };
  }

  /** Every byte of a pattern differs from its neighbours; plain numbers stay below 2^53. */
  #integer(bits: number, signed: boolean, asBigint: boolean): bigint {
    const wide = BigInt(bits);
    const top = signed ? 2n ** (wide - 1n) : 2n ** wide;
    if (this.options.kind === 'low') return signed ? -top : 0n;
    if (this.options.kind === 'high') return top - 1n;
    let value = 0n;
    for (let byte = 0; byte < 8; byte += 1)
      value = (value << 8n) | BigInt(0x11 + ((this.#next() * 29) % 223));
    const limited = asBigint || bits <= 53 ? value : BigInt.asUintN(52, value);
    return signed ? BigInt.asIntN(Math.min(bits, 53), limited) : BigInt.asUintN(bits, limited);
  }

  #enumValue(name: string, valueName: string): Sample {
    const found = this.#enum(name).values.find(value => value.name === valueName);
    if (found === undefined) throw new Error(`make sample: enum ${name} has no ${valueName}`);
    return {
      c: cInteger(BigInt(found.value)),
      plain: valueName,
      integer: BigInt(found.value),
      exact: true,
    };
  }

  #variant(name: string) {
    const { variants } = this.#union(name);
    const variant = variants[this.options.turn % variants.length];
    if (variant === undefined) throw new Error(`make sample: union ${name} is empty`);
    return variant;
  }

  #union(name: string) {
    const found = this.ir.types.find(type => type.name === name);
    if (found?.kind !== 'union') throw new Error(`make sample: ${name} is not a union`);
    return found;
  }

  #enum(name: string) {
    const found = this.ir.types.find(type => type.name === name);
    if (found?.kind !== 'enum') throw new Error(`make sample: ${name} is not an enum`);
    return found;
  }

  #next(): number {
    this.#serial += 1;
    return this.#serial;
  }
}

/** A C initialiser that names its fields: `{ .size_bytes = 17ULL, .tid = 4ULL }`. */
export function initializer(samples: ReadonlyMap<string, Sample>, header = ''): string {
  const members = [...samples].map(([name, { c }]) => `.${snakeCase(name)} = ${c}`);
  return `{ ${[...(header === '' ? [] : [header]), ...members].join(', ')} }`;
}

function isHeader(field: FieldIr): boolean {
  return field.type.kind === 'struct' && field.type.name === 'sondeHeader';
}

function width(scalar: ScalarName): number {
  return scalar === 'bool' ? 1 : Number(scalar.slice(1));
}

function cInteger(value: bigint): string {
  if (value === -(2n ** 63n)) return '(-0x7fffffffffffffffLL - 1)';
  return value < 0n ? `${value}LL` : `${value}ULL`;
}
