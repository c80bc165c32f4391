/**
 * The named types of one schema: resolves a name to what it is, lays each struct and union out
 * once and in dependency order, and finds types that contain themselves. What a reader would get
 * wrong: an event's struct can be named as a map's value, but never as a field.
 */
import type { ProbeDefinition, StructSpec, UnionSpec } from './definition.js';
import type { FieldSpec } from './field-types.js';
import type { EnumIr, FieldIr, SourcePosition, StructIr, TypeIr, UnionIr } from './ir.js';
import { alignUp, layoutStruct, scalarBytes, type Extent, type LayoutContext } from './layout.js';
import { notAType, SchemaError } from './schema-error.js';

/** Where the declarations of a schema stand, asked by path; codegen answers from the source. */
export interface SourceIndex {
  position(path: string): SourcePosition | undefined;
  doc?(path: string): string | undefined;
}

type NamedType = StructIr | EnumIr | UnionIr;

/** Named types by name, laid out on demand. */
export class TypeTable implements LayoutContext {
  /** Every type that was asked for, dependencies first. */
  readonly laidOut = new Map<string, NamedType>();
  readonly #open: string[] = [];

  constructor(
    readonly definition: ProbeDefinition,
    readonly source: SourceIndex,
    /** Types that exist without being declared: the framework's, and events as map values. */
    readonly known: Map<string, NamedType> = new Map(),
  ) {}

  /** Where `path` stands in the author's file. */
  position(path: string): SourcePosition | undefined {
    return this.source.position(path);
  }

  /** The author's doc comment above `path`. */
  doc(path: string): string | undefined {
    return this.source.doc?.(path);
  }

  /** The type that a field's declaration means; throws at `path` when a name is unknown. */
  resolve(spec: FieldSpec, path: string): TypeIr {
    switch (spec.kind) {
      case 'scalar':
        return {
          kind: 'scalar',
          scalar: spec.scalar,
          unit: spec.unit,
          ...(spec.wholeStack && { wholeStack: spec.wholeStack }),
        };
      case 'bits':
        return { kind: 'bits', scalar: spec.scalar, bits: spec.bits, unit: spec.unit };
      case 'string':
      case 'bytes':
        return { kind: spec.kind, bytes: spec.bytes };
      case 'array':
        return { kind: 'array', of: this.resolve(spec.of, path), length: spec.length };
      case 'flexible': {
        const { lengthField, maxLength } = spec;
        return { kind: 'flexible', of: this.resolve(spec.of, path), lengthField, maxLength };
      }
      case 'named': {
        const type = this.named(spec.name, path);
        return { kind: type.kind, name: spec.name };
      }
      default:
        throw notAType(path, spec);
    }
  }

  /** Size and alignment of a resolved type. A flexible array itself takes no bytes. */
  extent(type: TypeIr): Extent {
    switch (type.kind) {
      case 'scalar':
      case 'bits':
        return { sizeBytes: scalarBytes(type.scalar), alignBytes: scalarBytes(type.scalar) };
      case 'string':
      case 'bytes':
        return { sizeBytes: type.bytes, alignBytes: 1 };
      case 'array': {
        const element = this.extent(type.of);
        return { sizeBytes: element.sizeBytes * type.length, alignBytes: element.alignBytes };
      }
      case 'flexible':
        return { sizeBytes: 0, alignBytes: this.extent(type.of).alignBytes };
      case 'enum': {
        const { scalar } = this.named(type.name, type.name) as EnumIr;
        return { sizeBytes: scalarBytes(scalar), alignBytes: scalarBytes(scalar) };
      }
      case 'struct':
      case 'union':
        return this.named(type.name, type.name) as StructIr | UnionIr;
    }
  }

  /** The laid-out type called `name`; `path` is where it is asked for. */
  named(name: string, path: string): NamedType {
    const done = this.known.get(name) ?? this.laidOut.get(name);
    if (done !== undefined) return done;
    const spec = this.definition.types?.[name];
    if (spec === undefined) {
      const names = Object.keys(this.definition.types ?? {}).join(', ') || 'none';
      throw new SchemaError(path, `type "${name}" is not declared`, `declared types: ${names}`);
    }
    if (this.#open.includes(name)) {
      const chain = [...this.#open.slice(this.#open.indexOf(name)), name].join(' → ');
      throw new SchemaError(path, `type "${name}" contains itself: ${chain}`);
    }
    this.#open.push(name);
    const type = this.#layOut(name, spec);
    this.#open.pop();
    this.laidOut.set(name, type);
    return type;
  }

  #layOut(name: string, spec: NonNullable<ProbeDefinition['types']>[string]): NamedType {
    const path = `types.${name}`;
    switch (spec.kind) {
      case 'struct':
        return this.#layOutStruct(name, spec, path);
      case 'union':
        return this.#layOutUnion(name, spec, path);
      case 'enum': {
        const source = this.position(path);
        const values = Object.entries(spec.values).map(([key, value]) => ({ name: key, ...value }));
        return {
          kind: 'enum',
          name,
          about: spec.about,
          scalar: spec.scalar,
          values,
          ...(source === undefined ? {} : { source }),
        };
      }
    }
  }

  #layOutStruct(name: string, spec: StructSpec, path: string): StructIr {
    const struct = layoutStruct(
      { name, about: spec.about, path },
      Object.entries(spec.fields),
      this,
    );
    const flexible = struct.fields.find(field => field.type.kind === 'flexible');
    if (flexible !== undefined) {
      throw new SchemaError(
        `${path}.${flexible.name}`,
        'flexible array in a named struct',
        'only an event can end with a flexible array',
      );
    }
    this.checkUnions(struct, path);
    return struct;
  }

  #layOutUnion(name: string, spec: UnionSpec, path: string): UnionIr {
    const variants = Object.entries(spec.variants).map(([tag, struct]) => ({ tag, struct }));
    let sizeBytes = 0;
    let alignBytes = 1;
    for (const { tag, struct } of variants) {
      const type = this.named(struct, `${path}.${tag}`);
      if (type.kind !== 'struct') {
        throw new SchemaError(`${path}.${tag}`, `variant "${struct}" is not a struct`);
      }
      sizeBytes = Math.max(sizeBytes, type.sizeBytes);
      alignBytes = Math.max(alignBytes, type.alignBytes);
    }
    const source = this.position(path);
    return {
      kind: 'union',
      name,
      about: spec.about,
      tagField: spec.tagField,
      sizeBytes: alignUp(sizeBytes, alignBytes),
      alignBytes,
      variants,
      ...(source === undefined ? {} : { source }),
    };
  }

  /**
   * Refuses a struct that holds a union without the enum field that says which variant lies in it.
   */
  checkUnions(struct: StructIr, path: string): void {
    for (const field of struct.fields) {
      if (field.type.kind === 'array') this.#refuseUnionArray(field, path);
      if (field.type.kind !== 'union') continue;
      const { tagField, variants } = this.named(field.type.name, path) as UnionIr;
      const tag = struct.fields.find(other => other.name === tagField);
      if (tag?.type.kind !== 'enum') {
        throw new SchemaError(
          `${path}.${field.name}`,
          `union "${field.type.name}" needs an enum field "${tagField}" beside it`,
        );
      }
      const { values } = this.named(tag.type.name, path) as EnumIr;
      const stray = variants.find(variant => !values.some(value => value.name === variant.tag));
      if (stray !== undefined) {
        throw new SchemaError(
          `types.${field.type.name}.${stray.tag}`,
          `variant "${stray.tag}" is not a value of enum "${tag.type.name}"`,
        );
      }
    }
  }

  #refuseUnionArray(field: FieldIr, path: string): void {
    let type = field.type;
    while (type.kind === 'array') type = type.of;
    if (type.kind !== 'union') return;
    throw new SchemaError(
      `${path}.${field.name}`,
      `array of union "${type.name}" has no place for its tags`,
      'wrap tag and union in a struct and make an array of that',
    );
  }
}
