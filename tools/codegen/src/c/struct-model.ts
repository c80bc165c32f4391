/**
 * What the struct template prints: declarations with their comments, and one assertion per field.
 * What a reader would get wrong: C has no offsetof for a bit-field, so bit-fields are asserted only
 * through their neighbours and the struct's size; BTF and written bytes prove them in the tests.
 */
import { snakeCase, type ScalarName, type StructIr } from '@sonde/core/schema';
import { declarationComment, fieldComment } from './c-comment.js';
import type { CNames } from './c-type.js';

/** One struct, ready for the template. */
export interface StructModel {
  readonly comment: string;
  readonly head: string;
  readonly members: readonly string[];
  readonly asserts: readonly string[];
}

/** Prints the parts of a struct; `tag` is its C tag. */
export function structModel(
  struct: StructIr,
  tag: string,
  names: CNames,
  scalarOfEnum: (name: string) => ScalarName,
): StructModel {
  const members: string[] = [];
  const asserts = [`SONDE_ASSERT_SIZE(struct ${tag}, ${struct.sizeBytes});`];
  for (const field of struct.fields) {
    const declaration = `\t${names.declaration(field, scalarOfEnum)};`;
    members.push(field.padding ? declaration : `${fieldComment(field)}\n${declaration}`);
    if (field.type.kind === 'bits') continue;
    const place = `struct ${tag}, ${snakeCase(field.name)}, ${field.offsetBytes}`;
    asserts.push(
      field.type.kind === 'flexible'
        ? `SONDE_ASSERT_TAIL(${place});`
        : `SONDE_ASSERT_FIELD(${place}, ${field.sizeBytes});`,
    );
  }
  return { comment: declarationComment(struct), head: `struct ${tag}`, members, asserts };
}
