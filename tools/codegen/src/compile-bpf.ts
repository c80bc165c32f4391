/**
 * Compiles a probe's BPF programs, one object per architecture, with clang. What a reader would get
 * wrong: debug information is wanted, because clang makes BTF from it; `llvm-strip -g` then takes
 * the DWARF out again and leaves the BTF.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkStackUses } from './bpf-stack.js';
import { repositoryRoot } from './generate.js';

/** What is compiled, for whom, with what. */
export interface CompileOptions {
  /** A `.bpf.c` file. */
  readonly source: string;
  /** Where the object goes. */
  readonly object: string;
  readonly arch: BpfArch;
  /** Folders to search for headers, before those of the framework. */
  readonly include?: readonly string[];
  /** Environment variables CLANG and LLVM_STRIP name the programs. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Architectures for which every probe has an object. */
export const BPF_ARCHES = ['x86_64', 'arm64'] as const;

/** One of {@link BPF_ARCHES}. */
export type BpfArch = (typeof BPF_ARCHES)[number];

const DEFINES: Readonly<Record<BpfArch, string>> = {
  x86_64: '__TARGET_ARCH_x86',
  arm64: '__TARGET_ARCH_arm64',
};

/** The folder of the framework's BPF headers, beside the installed `@sonde/core`. */
export function frameworkHeaders(): string {
  return fileURLToPath(new URL('../../bpf', import.meta.resolve('@sonde/core/schema')));
}

/**
 * Compiles one object. Throws an Error that carries the compiler's own words, which begin with the
 * file and the line; its command line is the error's `command`. Throws too where a program takes
 * more stack than BPF_STACK_BYTES_MAX of bpf-stack.ts; then there is no object.
 */
export function compileBpf(options: CompileOptions): void {
  const { source, object, arch, include = [], env = process.env } = options;
  const root = repositoryRoot(source);
  const folders = [...include, frameworkHeaders()].map(folder => `-I${relative(root, folder)}`);
  // Instruction set v2 is what Linux 5.10 takes on every architecture, its 32-bit JITs included.
  const flags = ['-O2', '-g', '-mcpu=v2', '-target', 'bpf', '-Wall', `-D${DEFINES[arch]}`];
  const clang = env['CLANG'] ?? 'clang';
  const prefix = `-fdebug-prefix-map=${root}=.`;
  const args = [...flags, prefix, ...folders, '-c', relative(root, source), '-o', object];
  const what = `compile ${relative(root, source)} for ${arch}`;
  runTool(what, [clang, ...args], root, env);
  runTool(what, [env['LLVM_STRIP'] ?? 'llvm-strip', '-g', object], root, env);
  try {
    checkStackUses(relative(root, source), readFileSync(object));
  } catch (error) {
    rmSync(object);
    throw error;
  }
}

/** Compiles every `.bpf.c` of the probe in `probeDir`; returns the objects' paths. */
export function compileProbe(probeDir: string, env: NodeJS.ProcessEnv = process.env): string[] {
  const src = resolve(probeDir, 'src');
  const files = existsSync(src) ? readdirSync(src) : [];
  const sources = files.filter(name => name.endsWith('.bpf.c'));
  if (sources.length === 0) {
    const error = new Error(`compile ${probeDir}: no src/*.bpf.c in it`);
    throw Object.assign(error, { hint: 'name the folder of a probe; `new NAME` makes one' });
  }
  const folder = resolve(probeDir, 'dist/bpf');
  mkdirSync(folder, { recursive: true });
  return sources.flatMap(name => {
    const probe = name.slice(0, -'.bpf.c'.length).replaceAll('_', '-');
    return BPF_ARCHES.map(arch => {
      const object = join(folder, `${probe}.${arch}.bpf.o`);
      const source = resolve(probeDir, 'src', name);
      compileBpf({ source, object, arch, include: [resolve(probeDir, 'src')], env });
      return object;
    });
  });
}

function runTool(
  what: string,
  [file, ...args]: readonly [string, ...string[]],
  cwd: string,
  env: NodeJS.ProcessEnv,
): void {
  try {
    execFileSync(file, args, { cwd, env, stdio: ['ignore', 'inherit', 'pipe'], encoding: 'utf8' });
  } catch (cause) {
    const { stderr, code } = cause as { stderr: string | null; code?: string };
    const words = (stderr ?? '').trim();
    const command = [file, ...args].join(' ');
    const said = words === '' ? command : `refused\n${words}`;
    const why = code === 'ENOENT' ? `${file} is not installed` : said;
    const error = new Error(`${what}: ${why}`, { cause });
    throw Object.assign(error, {
      command,
      ...(code === 'ENOENT' && { hint: `install ${file}, or name it in $CLANG or $LLVM_STRIP` }),
    });
  }
}
