/**
 * Kernel modules that a machine with a network needs, out of a Debian kernel's package.
 *
 * The facts readers get wrong: the packages carry no modules.dep, so dependencies are read from
 * each module's own `.modinfo`; and busybox's insmod does not decompress.
 */
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { debianPackage, run, type Progress } from '@sonde/toolchain';
import { execa } from 'execa';
import type { Cell } from '../matrix.js';

/** One file to insert: its bytes are no longer compressed. */
export interface KernelModule {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** `virtio-net.ko.xz` and `virtio_net.ko` are one module: `virtio_net`. */
function moduleName(file: string): string {
  return basename(file)
    .replace(/\.ko(?:\.\w+)?$/, '')
    .replaceAll('-', '_');
}

async function decompressed(path: string): Promise<Uint8Array> {
  if (path.endsWith('.ko')) return readFile(path);
  const program = path.endsWith('.zst') ? 'zstd' : 'xz';
  await run('sh', ['-c', 'command -v "$0"', program], {
    what: `unpack ${basename(path)}: ${program} is not installed`,
  });
  const { stdout } = await execa(program, ['-dc', path], {
    encoding: 'buffer',
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

/** What a module says that it depends on, read from its `.modinfo`. */
export function dependencies(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const listed = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? '';
  return listed
    .split(',')
    .filter(name => name !== '')
    .map(moduleName);
}

async function modulesFolder(cell: Cell, progress: Progress): Promise<string> {
  const { kernel, architecture } = cell;
  // Since 7.x the modules have a package of their own beside the kernel's.
  for (const pattern of [kernel.modules ?? kernel.package]) {
    const own = pattern.replaceAll('ARCH', architecture.name);
    const found = await debianPackage(kernel.suite, own, architecture.name, progress);
    for (const part of ['lib/modules', 'usr/lib/modules']) {
      const folder = join(found.directory, part);
      const [release] = await readdir(folder).catch(() => [] as string[]);
      if (release !== undefined) return join(folder, release);
    }
  }
  throw new Error(`find modules of ${cell.name}: no lib/modules in its package`);
}

/**
 * The named modules and all that they depend on, in the order in which to insert them. A name that
 * the kernel has no module of is built in, and left out.
 */
export async function kernelModules(
  cell: Cell,
  names: readonly string[],
  progress: Progress,
): Promise<KernelModule[]> {
  const folder = await modulesFolder(cell, progress);
  const files = new Map<string, string>();
  for (const path of await readdir(folder, { recursive: true })) {
    if (/\.ko(?:\.\w+)?$/.test(path)) files.set(moduleName(path), join(folder, path));
  }
  const ordered: KernelModule[] = [];
  const seen = new Set<string>();
  const add = async (name: string): Promise<void> => {
    const file = files.get(name);
    if (file === undefined || seen.has(name)) return;
    seen.add(name);
    const bytes = await decompressed(file);
    for (const each of dependencies(bytes)) await add(each);
    ordered.push({ name, bytes });
  };
  for (const name of names) await add(name);
  return ordered;
}
