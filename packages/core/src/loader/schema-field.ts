/**
 * Which declaration of the schema a refused line of C is about. What a reader would get wrong: two
 * structs may have a field of the same name, so the name in the line is not enough; the place that
 * the instruction accesses decides between them.
 */
import {
  snakeCase,
  type FieldIr,
  type ProbeIr,
  type SourcePosition,
  type StructIr,
} from '../schema/index.js';

/** A declaration that C code uses. */
export interface SchemaPlace {
  /** As an author names it: `call.samples`, `life.births`, `config.limit`. */
  readonly name: string;
  /** Where it is declared, when the schema was read from its source. */
  readonly source?: SourcePosition;
}

interface Candidate {
  readonly struct: StructIr;
  readonly owner: string;
  readonly field: FieldIr;
}

/** Every field that C can name: of types, events and the configuration. */
function candidates(ir: ProbeIr): Candidate[] {
  const structs: { owner: string; struct: StructIr }[] = [
    ...ir.types.flatMap(type =>
      type.kind === 'struct' ? [{ owner: type.name, struct: type }] : [],
    ),
    ...ir.events.map(event => ({ owner: event.name, struct: event.struct })),
    { owner: 'config', struct: ir.config },
  ];
  return structs.flatMap(({ owner, struct }) =>
    struct.fields.filter(field => field.padding !== true).map(field => ({ owner, struct, field })),
  );
}

function covers(field: FieldIr, offset: number): boolean {
  return offset >= field.offsetBytes && offset < field.offsetBytes + field.sizeBytes;
}

/**
 * The field that `text`, a line of C, uses at `offset` bytes from the start of its struct.
 * Undefined when the line names none, or several and the offset does not tell them apart.
 */
export function schemaField(
  ir: ProbeIr,
  text: string,
  offset: number | undefined,
): SchemaPlace | undefined {
  const names = new Set([...text.matchAll(/(?:->|\.)\s*([a-z_][a-z_0-9]*)/g)].map(m => m[1]));
  let found = candidates(ir).filter(({ field }) => names.has(snakeCase(field.name)));
  if (found.length > 1 && offset !== undefined) {
    found = found.filter(({ field }) => covers(field, offset));
  }
  return found.length === 1 ? placeOf(ir, found[0] as Candidate) : undefined;
}

/** The parameter in the bytes of the configuration from `offset` on, or undefined. */
export function configField(ir: ProbeIr, offset: number): SchemaPlace | undefined {
  const field = ir.config.fields.find(each => covers(each, offset));
  return field === undefined
    ? undefined
    : placeOf(ir, { owner: 'config', struct: ir.config, field });
}

function placeOf(ir: ProbeIr, { owner, struct, field }: Candidate): SchemaPlace {
  const declared = owner === 'config' ? ir.params.find(each => each.name === field.name) : field;
  const source = declared?.source ?? field.source ?? struct.source;
  return { name: `${owner}.${field.name}`, ...(source === undefined ? {} : { source }) };
}
