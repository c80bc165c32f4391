/**
 * What an object's BTF says about its structs, compared with the representation. What a reader
 * would get wrong: BTF comes from clang's own layout, through bpftool; nothing of ours computes it.
 */
import { execFileSync } from 'node:child_process';
import {
  snakeCase,
  type FieldIr,
  type ProbeIr,
  type StructIr,
  type TypeIr,
} from '@sonde/core/schema';
import { CNames, enumScalars } from '../c/c-type.js';

interface BtfMember {
  readonly name: string;
  readonly type_id: number;
  readonly bits_offset: number;
  readonly bitfield_size?: number;
}

interface BtfType {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly type_id?: number;
  readonly nr_elems?: number;
  readonly nr_bits?: number;
  readonly encoding?: string;
  readonly members?: readonly BtfMember[];
}

/** The types of one object. */
export class ObjectBtf {
  readonly #types: ReadonlyMap<number, BtfType>;

  /** Reads the object at `path` with bpftool; throws what it said. */
  constructor(path: string) {
    const text = execFileSync('bpftool', ['-j', 'btf', 'dump', 'file', path], { encoding: 'utf8' });
    const { types } = JSON.parse(text) as { types: readonly BtfType[] };
    this.#types = new Map(types.map(type => [type.id, type]));
  }

  /** Whether the object holds a struct or union of this name. */
  has(tag: string): boolean {
    return this.#named(tag) !== undefined;
  }

  /** Every way in which a struct differs from the representation; empty when it does not. */
  differences(struct: StructIr, ir: ProbeIr): string[] {
    const names = new CNames(ir);
    const tag = names.tag(struct.name);
    const found = this.#named(tag);
    if (found?.members === undefined) return [`struct ${tag} is not in the BTF`];
    const wrong: string[] = [];
    if (found.size !== struct.sizeBytes) wrong.push(`${tag}: ${found.size} bytes`);
    if (found.members.length !== struct.fields.length) {
      wrong.push(`${tag}: ${found.members.length} members`);
    }
    struct.fields.forEach((field, index) => {
      const member = found.members?.[index];
      const at = `${tag}.${snakeCase(field.name)}`;
      if (member?.name !== snakeCase(field.name)) wrong.push(`${at}: member ${member?.name}`);
      else wrong.push(...this.#memberDifferences(at, field, member, ir));
    });
    return wrong;
  }

  #memberDifferences(at: string, field: FieldIr, member: BtfMember, ir: ProbeIr): string[] {
    const wrong: string[] = [];
    const bit = field.offsetBytes * 8 + (field.bitOffset ?? 0);
    if (member.bits_offset !== bit) wrong.push(`${at}: bit ${member.bits_offset}, not ${bit}`);
    const bits = field.type.kind === 'bits' ? field.type.bits : 0;
    if ((member.bitfield_size ?? 0) !== bits) wrong.push(`${at}: ${member.bitfield_size} bits`);
    const size = this.#size(member.type_id);
    if (size !== field.sizeBytes) wrong.push(`${at}: ${size} bytes, not ${field.sizeBytes}`);
    const said = this.#spelled(member.type_id);
    const expected = spelled(field.type, ir);
    if (said !== expected) wrong.push(`${at}: type ${said}, not ${expected}`);
    return wrong;
  }

  #named(tag: string): BtfType | undefined {
    return [...this.#types.values()].find(
      type => type.name === tag && (type.kind === 'STRUCT' || type.kind === 'UNION'),
    );
  }

  /** The type behind typedefs and qualifiers. */
  #bare(id: number): BtfType {
    let type = this.#types.get(id);
    while (type !== undefined && ['TYPEDEF', 'CONST', 'VOLATILE'].includes(type.kind)) {
      type = this.#types.get(type.type_id ?? 0);
    }
    if (type === undefined) throw new Error(`read BTF: type ${id} does not exist`);
    return type;
  }

  #size(id: number): number {
    const type = this.#bare(id);
    if (type.kind === 'ARRAY') return (type.nr_elems ?? 0) * this.#size(type.type_id ?? 0);
    return type.size ?? 0;
  }

  #spelled(id: number): string {
    const type = this.#bare(id);
    if (type.kind === 'ARRAY') return `${this.#spelled(type.type_id ?? 0)}[${type.nr_elems}]`;
    if (type.kind !== 'INT') return `${type.kind.toLowerCase()} ${type.name}`;
    if (type.encoding === 'BOOL') return 'bool';
    // Which sign char has is the compiler's business; text is bytes either way.
    if (type.name === 'char') return 'char';
    return `${type.encoding === 'SIGNED' ? 's' : 'u'}${type.nr_bits}`;
  }
}

/** A type in the same words, from the representation; dimensions are innermost first. */
function spelled(type: TypeIr, ir: ProbeIr): string {
  switch (type.kind) {
    case 'scalar':
    case 'bits':
      return type.scalar;
    case 'enum':
      return enumScalars(ir)(type.name);
    case 'struct':
    case 'union':
      return `${type.kind} ${new CNames(ir).tag(type.name)}`;
    case 'string':
      return `char[${type.bytes}]`;
    case 'bytes':
      return `u8[${type.bytes}]`;
    case 'array':
      return `${spelled(type.of, ir)}[${type.length}]`;
    case 'flexible':
      return `${spelled(type.of, ir)}[0]`;
  }
}
