/**
 * Compiles a probe's BPF programs, one object per architecture, with clang. What a reader would get
 * wrong: debug information is wanted, because clang makes BTF from it; `llvm-strip -g` then takes
 * the DWARF out again and leaves the BTF.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
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

/** Compiles one object. Throws an Error that carries the compiler's own words. */
export function compileBpf(options: CompileOptions): void {
  const { source, object, arch, include = [], env = process.env } = options;
  const root = repositoryRoot(source);
  const folders = [...include, frameworkHeaders()].map(folder => `-I${relative(root, folder)}`);
  // Instruction set v2 is what Linux 5.10 takes on every architecture, its 32-bit JITs included.
  const flags = ['-O2', '-g', '-mcpu=v2', '-target', 'bpf', '-Wall', `-D${DEFINES[arch]}`];
  const clang = env['CLANG'] ?? 'clang';
  const prefix = `-fdebug-prefix-map=${root}=.`;
  const args = [...flags, prefix, ...folders, '-c', relative(root, source), '-o', object];
  runTool(clang, args, root, env);
  runTool(env['LLVM_STRIP'] ?? 'llvm-strip', ['-g', object], root, env);
}

/** Compiles every `.bpf.c` of the probe in `probeDir`; returns the objects' paths. */
export function compileProbe(probeDir: string, env: NodeJS.ProcessEnv = process.env): string[] {
  const sources = readdirSync(resolve(probeDir, 'src')).filter(name => name.endsWith('.bpf.c'));
  if (sources.length === 0) throw new Error(`compile ${probeDir}: src holds no .bpf.c file`);
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

function runTool(file: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): void {
  try {
    execFileSync(file, args, { cwd, env, stdio: ['ignore', 'inherit', 'pipe'], encoding: 'utf8' });
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : '';
    const why = said || (cause instanceof Error ? cause.message : String(cause));
    throw new Error(`run ${file} ${args.join(' ')}: ${why}`, { cause });
  }
}
