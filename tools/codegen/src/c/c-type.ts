/**
 * The C spelling of one type of the representation: names with the probe's prefix, declarators with
 * their array dimensions. What a reader would get wrong: an enum field is declared by its integer,
 * because the size of a C enum belongs to the compiler.
 */
import {
  FRAMEWORK_STRUCTS,
  snakeCase,
  upperCase,
  type FieldIr,
  type ProbeIr,
  type ScalarName,
  type TypeIr,
} from '@sonde/core/schema';

const FRAMEWORK = new Set(FRAMEWORK_STRUCTS.map(struct => struct.name));

/** Spells names and declarations for one probe. */
export class CNames {
  readonly prefix: string;

  constructor(ir: Pick<ProbeIr, 'name'>) {
    this.prefix = snakeCase(ir.name);
  }

  /** Tag of a struct, union or enum: `cgo_malloc_alloc`, `sonde_header`. */
  tag(name: string): string {
    return FRAMEWORK.has(name) ? snakeCase(name) : `${this.prefix}_${snakeCase(name)}`;
  }

  /** A constant of the probe: `CGO_MALLOC_FAMILY_MALLOC`. */
  constant(...words: readonly string[]): string {
    return [this.prefix.toUpperCase(), ...words.map(upperCase)].join('_');
  }

  /** The type without its array dimensions: what stands before a declarator. */
  base(type: TypeIr, scalarOfEnum: (name: string) => ScalarName): string {
    switch (type.kind) {
      case 'scalar':
      case 'bits':
        return cScalar(type.scalar);
      case 'enum':
        return cScalar(scalarOfEnum(type.name));
      case 'struct':
      case 'union':
        return `${type.kind} ${this.tag(type.name)}`;
      case 'string':
        return 'char';
      case 'bytes':
        return '__u8';
      case 'array':
      case 'flexible':
        return this.base(type.of, scalarOfEnum);
    }
  }

  /** A type without a name: `__u32[3][4]`, `__u16 : 5`. */
  abstract(type: TypeIr, scalarOfEnum: (name: string) => ScalarName): string {
    return this.base(type, scalarOfEnum) + dimensions(type);
  }

  /** A field's declaration without the semicolon: `__u32 grid[3][4]`, `__u16 low : 5`. */
  declaration(field: FieldIr, scalarOfEnum: (name: string) => ScalarName): string {
    const base = this.base(field.type, scalarOfEnum);
    return `${base} ${snakeCase(field.name)}${dimensions(field.type)}`;
  }
}

/** `__u64` for `u64`, `_Bool` for `bool`. */
export function cScalar(scalar: ScalarName): string {
  return scalar === 'bool' ? '_Bool' : `__${scalar}`;
}

function dimensions(type: TypeIr): string {
  switch (type.kind) {
    case 'bits':
      return ` : ${type.bits}`;
    case 'string':
    case 'bytes':
      return `[${type.bytes}]`;
    case 'array':
      return `[${type.length}]${dimensions(type.of)}`;
    case 'flexible':
      return `[]${dimensions(type.of)}`;
    default:
      return '';
  }
}

/** The scalar in which each enum of a probe is stored; throws for a name that is no enum. */
export function enumScalars(ir: Pick<ProbeIr, 'types'>): (name: string) => ScalarName {
  return name => {
    const type = ir.types.find(candidate => candidate.name === name);
    if (type?.kind !== 'enum') throw new Error(`print C type ${name}: not an enum of the schema`);
    return type.scalar;
  };
}
