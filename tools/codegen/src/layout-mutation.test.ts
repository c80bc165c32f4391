/**
 * Whether the layout proof would notice: one offset of the representation is shifted, and every
 * oracle must fail. What a reader would get wrong: C has no offsetof for a bit-field, so there it
 * is BTF and bytes that must notice.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { FieldIr, ProbeIr, StructIr } from '@sonde/core/schema';
import { printProbeHeader } from './c/probe-header.js';
import { BPF_ARCHES } from './compile-bpf.js';
import { evaluateSchema } from './evaluate-schema.js';
import { C_TOOLCHAINS } from './testing/compiled-bytes.js';
import { decodedDifferences, structsOf } from './testing/decoded-differences.js';
import { generatedModule } from './testing/generated-module.js';
import { btfDifferences, failedAssertions, withShiftedField } from './testing/layout-oracles.js';
import { declaredFields } from './typescript/type-names.js';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

t.setTimeout(240_000);

mkdirSync(join(PACKAGE, 'out'), { recursive: true });
const scratch = mkdtempSync(join(PACKAGE, 'out/mutation-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));

const corpus = readdirSync(join(PACKAGE, 'corpus'))
  .filter(name => name.endsWith('.schema.ts'))
  .map(name => join(PACKAGE, 'corpus', name));

/** The last field that has an offset in C: what a mutation moves. */
function fieldToShift(struct: StructIr): FieldIr | undefined {
  return declaredFields(struct).findLast(({ type }) => type.kind !== 'bits');
}

function shifted(ir: ProbeIr, struct: StructIr, field: FieldIr): ProbeIr {
  // Downwards, so that the moved field still lies inside the record and only its place is wrong.
  return withShiftedField(ir, struct.name, field.name, -1);
}

t.test('one shifted offset fails every oracle', async t => {
  for (const path of corpus) {
    const ir = await evaluateSchema(path, 'schema.ts');
    const struct = structsOf(ir).at(-1);
    const field = struct === undefined ? undefined : fieldToShift(struct);
    if (struct === undefined || field === undefined) continue;
    const wrong = shifted(ir, struct, field);
    const folder = join(scratch, `shifted-${ir.name}`);
    const what = `${ir.name}: ${struct.name}.${field.name}`;
    for (const arch of BPF_ARCHES) {
      t.not(failedAssertions(wrong, arch, join(folder, 'c')).length, 0, `${what}, clang ${arch}`);
      t.not(btfDifferences(ir, wrong, arch, join(folder, 'btf')).length, 0, `${what}, BTF ${arch}`);
    }
    const module = await generatedModule(wrong, join(folder, 'module'));
    const header = printProbeHeader(ir, 'schema.ts');
    for (const toolchain of C_TOOLCHAINS) {
      const result = decodedDifferences(ir, header, module, toolchain, join(folder, 'bytes'));
      t.not(result.wrong.length, 0, `${what}, bytes ${toolchain.name}`);
    }
  }
});

t.test('a shifted bit-field fails BTF and bytes', async t => {
  for (const path of corpus.filter(name => name.includes('bits-'))) {
    const ir = await evaluateSchema(path, 'schema.ts');
    const struct = structsOf(ir).at(-1);
    const field = struct?.fields.find(({ type }) => type.kind === 'bits');
    if (struct === undefined || field === undefined) continue;
    const wrong = withShiftedField(ir, struct.name, field.name, field.sizeBytes === 1 ? 1 : -1);
    const folder = join(scratch, `bits-${ir.name}`);
    t.not(btfDifferences(ir, wrong, 'x86_64', join(folder, 'btf')).length, 0, `${ir.name}, BTF`);
    const module = await generatedModule(wrong, join(folder, 'module'));
    const header = printProbeHeader(ir, 'schema.ts');
    for (const toolchain of C_TOOLCHAINS) {
      const result = decodedDifferences(ir, header, module, toolchain, join(folder, 'bytes'));
      t.not(result.wrong.length, 0, `${ir.name}, bytes ${toolchain.name}`);
    }
  }
});
