/**
 * Names and types of the generated TypeScript: what a field is called in each style, and what type
 * it has as a plain value. What a reader would get wrong: an address, a stack id and a kernel time
 * are always bigint as plain values; other 64-bit integers are numbers that were checked.
 */
import {
  pascalCase,
  scalarBytes,
  type EnumIr,
  type FieldIr,
  type ProbeIr,
  type ScalarName,
  type StructIr,
  type TypeIr,
  type UnionIr,
  type Unit,
} from '@sonde/core/schema';

const BIGINT_UNITS: ReadonlySet<Unit> = new Set<Unit>(['address', 'stackId', 'ktimeNs']);

/** Whether a 64-bit scalar of this unit is a bigint as a plain value. */
export function isBigint(unit: Unit): boolean {
  return BIGINT_UNITS.has(unit);
}

/** Whether a scalar takes two 32-bit words. */
export function isWide(scalar: ScalarName): boolean {
  return scalarBytes(scalar) === 8;
}

/** Looks types up and spells them; one per probe. */
export class TypeNames {
  constructor(readonly ir: ProbeIr) {}

  /** Name of a declared type as TypeScript spells it. */
  pascal(name: string): string {
    return pascalCase(name);
  }

  /** How errors name a type: `cgo-malloc alloc`. */
  what(name: string): string {
    return `${this.ir.name} ${name}`;
  }

  /** The declared enum called `name`. */
  enumOf(name: string): EnumIr {
    return this.#typed(name, 'enum') as EnumIr;
  }

  /** The declared union called `name`. */
  unionOf(name: string): UnionIr {
    return this.#typed(name, 'union') as UnionIr;
  }

  /** A struct called `name`: a declared type, or an event's. */
  structOf(name: string): StructIr {
    const event = this.ir.events.find(candidate => candidate.name === name);
    return event?.struct ?? (this.#typed(name, 'struct') as StructIr);
  }

  #typed(name: string, kind: string): EnumIr | UnionIr | StructIr {
    const type = this.ir.types.find(candidate => candidate.name === name);
    if (type?.kind !== kind) throw new Error(`print TypeScript: ${name} is not a declared ${kind}`);
    return type;
  }

  /** Name of the plain type of a struct; an event's ends in `Event`. */
  plainStruct(name: string): string {
    const isEvent = this.ir.events.some(event => event.name === name);
    return this.pascal(name) + (isEvent ? 'Event' : '');
  }

  /** The scalar in which a type's element is stored, for scalars, bit-fields and enums. */
  storage(type: TypeIr): ScalarName | undefined {
    if (type.kind === 'scalar' || type.kind === 'bits') return type.scalar;
    return type.kind === 'enum' ? this.enumOf(type.name).scalar : undefined;
  }

  /** The type of a plain value. */
  plain(type: TypeIr): string {
    switch (type.kind) {
      case 'scalar':
        if (type.scalar === 'bool') return 'boolean';
        return isWide(type.scalar) && isBigint(type.unit) ? 'bigint' : 'number';
      case 'bits':
        return isWide(type.scalar) && type.bits > 53 ? 'bigint' : 'number';
      case 'enum':
        return this.pascal(type.name);
      case 'struct':
        return this.plainStruct(type.name);
      case 'union':
        return `${this.pascal(type.name)} | undefined`;
      case 'string':
        return 'string';
      case 'bytes':
        return 'Uint8Array';
      case 'array':
      case 'flexible': {
        const element = this.plain(type.of);
        return `readonly ${element.startsWith('readonly ') ? `(${element})` : element}[]`;
      }
    }
  }

  /** Bytes of one value of a type. */
  bytes(type: TypeIr): number {
    switch (type.kind) {
      case 'scalar':
      case 'bits':
      case 'enum':
        return scalarBytes(this.storage(type) ?? 'u8');
      case 'struct':
        return this.structOf(type.name).sizeBytes;
      case 'union':
        return this.unionOf(type.name).sizeBytes;
      case 'string':
      case 'bytes':
        return type.bytes;
      case 'array':
        return type.length * this.bytes(type.of);
      case 'flexible':
        return 0;
    }
  }
}

/** The fields that an author declared: no padding, and not the header. */
export function declaredFields(struct: StructIr): FieldIr[] {
  return struct.fields.filter(field => field.padding !== true && !isHeader(field));
}

/** Whether a struct is an event's: its first field is the record header. */
export function isRecord(struct: StructIr): boolean {
  return struct.fields[0] !== undefined && isHeader(struct.fields[0]);
}

function isHeader(field: FieldIr): boolean {
  return field.type.kind === 'struct' && field.type.name === 'sondeHeader';
}
