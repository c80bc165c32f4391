/**
 * Bytes as C compilers lay them out: initialised variables, each in a section of its own, copied
 * out of the object. What a reader would get wrong: the arm64 program is never run, and needs not
 * be; its compiler has written the bytes into the object already.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { frameworkHeaders } from '../compile-bpf.js';

/** A compiler of one architecture, with the tool that takes sections out of its objects. */
export interface CToolchain {
  readonly name: string;
  readonly compiler: string;
  readonly objcopy: string;
}

/** This machine's own compiler, and the one for arm64. */
export const C_TOOLCHAINS: readonly CToolchain[] = [
  { name: 'native', compiler: 'gcc', objcopy: 'objcopy' },
  {
    name: 'arm64',
    compiler: 'aarch64-linux-gnu-gcc',
    objcopy: 'aarch64-linux-gnu-objcopy',
  },
];

/** A variable of type `struct <tag>` and what it is set to. */
export interface CVariable {
  readonly tag: string;
  readonly initializer: string;
}

/**
 * The bytes of each variable, in order. `header` is the text of a generated header; `folder` holds
 * what is compiled. Throws what the compiler said.
 */
export function compiledBytes(
  toolchain: CToolchain,
  header: string,
  variables: readonly CVariable[],
  folder: string,
): Uint8Array[] {
  mkdirSync(folder, { recursive: true });
  const object = join(folder, `${toolchain.name}.o`);
  const source = join(folder, 'bytes.c');
  writeFileSync(join(folder, 'types.bpf.h'), header);
  const lines = variables.map(({ tag, initializer }, index) => {
    const section = `__attribute__((section(".sonde.${index}"), used))`;
    return `${section} struct ${tag} sample_${index} = ${initializer};`;
  });
  writeFileSync(source, `#include "types.bpf.h"\n${lines.join('\n')}\n`);
  const flags = ['-c', '-O0', '-fno-common', `-I${frameworkHeaders()}`, `-I${folder}`];
  run(toolchain.compiler, [...flags, source, '-o', object]);
  const dumped = variables.map((_, index) => join(folder, `${toolchain.name}.${index}.bin`));
  const dumps = dumped.flatMap((file, index) => ['--dump-section', `.sonde.${index}=${file}`]);
  run(toolchain.objcopy, [...dumps, object, join(folder, 'unused.o')]);
  return dumped.map(file => readFileSync(file));
}

function run(file: string, args: readonly string[]): void {
  execFileSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
