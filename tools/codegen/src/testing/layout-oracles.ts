/**
 * The three oracles of the layout proof under one roof: clang's assertions, an object's BTF, and
 * bytes that C compilers wrote. What a reader would get wrong: each is asked with the truth in one
 * hand only. In a mutation the header that compilers lay out is always the right one; what is
 * changed is what we claim about it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProbeIr } from '@sonde/core/schema';
import { CNames } from '../c/c-type.js';
import { printProbeHeader } from '../c/probe-header.js';
import { compileBpf, frameworkHeaders, type BpfArch } from '../compile-bpf.js';
import { structsOf } from './decoded-differences.js';
import { ObjectBtf } from './object-btf.js';

const DEFINES: Readonly<Record<BpfArch, string>> = {
  x86_64: '__TARGET_ARCH_x86',
  arm64: '__TARGET_ARCH_arm64',
};

/** What clang says about the assertions of a header printed from `ir`; empty when they hold. */
export function failedAssertions(ir: ProbeIr, arch: BpfArch, folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  const source = join(folder, 'asserts.c');
  writeFileSync(source, printProbeHeader(ir, 'schema.ts'));
  const flags = ['-fsyntax-only', '-Wall', '-target', 'bpf', `-D${DEFINES[arch]}`];
  try {
    const args = [...flags, '-Wno-unused-function', `-I${frameworkHeaders()}`, source];
    execFileSync('clang', args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
    return [];
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    return said.split('\n').filter(line => line.includes('error:'));
  }
}

/**
 * Where the BTF of a BPF object differs from `claimed`. The object is compiled from the header of
 * `real`, with one variable of each struct, so that clang describes them all.
 */
export function btfDifferences(
  real: ProbeIr,
  claimed: ProbeIr,
  arch: BpfArch,
  folder: string,
): string[] {
  mkdirSync(folder, { recursive: true });
  const source = join(folder, 'types.bpf.c');
  const object = join(folder, `types.${arch}.bpf.o`);
  const names = new CNames(real);
  writeFileSync(join(folder, 'types.bpf.h'), printProbeHeader(real, 'schema.ts'));
  const structs = [...structsOf(real), real.config].map(({ name }) => names.tag(name));
  const variables = structs.map(tag => `struct ${tag} proof_${tag};`);
  writeFileSync(source, `#include "types.bpf.h"\n${variables.join('\n')}\n`);
  compileBpf({ source, object, arch, include: [folder] });
  const btf = new ObjectBtf(object);
  return [...structsOf(claimed), claimed.config].flatMap(struct =>
    btf.differences(struct, claimed),
  );
}

/** `ir` with one field of the struct at `structName` moved by `bytes`, and nothing else changed. */
export function withShiftedField(
  ir: ProbeIr,
  structName: string,
  fieldName: string,
  bytes: number,
): ProbeIr {
  const shift = <Struct extends ProbeIr['config']>(struct: Struct): Struct => ({
    ...struct,
    fields: struct.fields.map(field =>
      struct.name === structName && field.name === fieldName
        ? { ...field, offsetBytes: field.offsetBytes + bytes }
        : field,
    ),
  });
  return {
    ...ir,
    types: ir.types.map(type => (type.kind === 'struct' ? shift(type) : type)),
    events: ir.events.map(event => ({ ...event, struct: shift(event.struct) })),
  };
}
