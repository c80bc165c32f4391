/**
 * The guest's root disk: C library, libbpf, Node and the two npm packages that cannot be bundled.
 *
 * One image per architecture serves every kernel, because nothing in it is a kernel module. It is
 * made by unpacking only, so an arm64 image costs an amd64 machine nothing. The fact readers get
 * wrong: it is mounted read-only, so every mount point must already be a folder in it.
 */
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { cached, contentKey, debianPackage, exists, npmPackage, run } from '@sonde/toolchain';
import type { DebianPackage, Progress } from '@sonde/toolchain';
import type { Architecture, Matrix } from '../matrix.js';
import { makeExt4 } from './ext4.js';

/** Raised whenever the layout below changes, so that an old image is not taken for the new one. */
const LAYOUT = '7';
const MOUNT_POINTS = [
  ...['dev', 'proc', 'sys', 'tmp', 'run', 'out', 'payload', 'etc', 'root', 'var'],
  'usr/local',
];
/** Parts of the unpacked packages that no guest reads. */
/** Busybox's tools that tests and workloads may call by name. */
const APPLETS = [
  ...['sh', 'cat', 'cp', 'date', 'dd', 'df', 'dmesg', 'echo', 'env', 'false', 'find', 'free'],
  ...['grep', 'head', 'id', 'kill', 'ls', 'mkdir', 'mount', 'mv', 'nice', 'ps', 'rm', 'sed'],
  ...['sleep', 'sort', 'stat', 'sync', 'tail', 'tar', 'taskset', 'timeout', 'touch', 'true'],
  ...['umount', 'uname', 'unshare', 'wc', 'xargs'],
];
const PRUNED = ['gconv', 'audit', 'cmake', 'pkgconfig'];

const require = createRequire(import.meta.url);

/** Returns the folder of a package in node_modules, whatever its "exports" hide. */
export function packageFolder(name: string): string | undefined {
  for (const base of require.resolve.paths(name) ?? []) {
    try {
      return dirname(require.resolve(join(base, name, 'package.json')));
    } catch {
      continue;
    }
  }
  return undefined;
}

async function packageVersion(folder: string): Promise<string> {
  const text = await readFile(join(folder, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function copyKoffi(to: string, koffi: string, native: string, arch: Architecture) {
  // Everything but the C++ sources and their headers, which only a build needs.
  await cp(koffi, join(to, 'koffi'), {
    recursive: true,
    filter: source => !/\/(doc|vendor)$|\.(cc|hh|h|inc|S|md)$/.test(source),
  });
  await cp(native, join(to, '@koromix', `koffi-linux-${arch.npm}`), {
    recursive: true,
    filter: source => !source.includes('/musl_'),
  });
}

async function copyLibraries(root: string, unpacked: readonly string[]): Promise<void> {
  for (const directory of unpacked) {
    for (const part of ['usr/lib', 'usr/lib64', 'lib', 'lib64']) {
      const from = join(directory, part);
      if (!(await exists(from))) continue;
      const to = join(root, part.startsWith('usr') ? part : `usr/${part}`);
      await mkdir(to, { recursive: true });
      await run('cp', ['-a', '-T', from, to]);
    }
  }
}

/** WebAssembly of @sonde/symbols, the same on every architecture; read from beside its code. */
const WASM_PACKAGES = ['iced-x86', 'gecko-profiler-demangle'];

/**
 * Returns the path of an architecture's root disk (ext4, read-only, about 110 MB), fetching and
 * building what is missing.
 */
export async function userlandImage(
  matrix: Matrix,
  arch: Architecture,
  progress: Progress,
): Promise<string> {
  const { userland } = matrix;
  const packages: DebianPackage[] = [];
  for (const pattern of [...userland.packages, userland.busybox]) {
    packages.push(await debianPackage(userland.suite, pattern, arch.name, progress));
  }
  const node = await npmPackage(`node-linux-${arch.npm}`, userland.node, progress);
  const koffi = packageFolder('koffi');
  if (!koffi) throw new Error('build guest image: koffi is not in node_modules; run npm ci');
  const koffiVersion = await packageVersion(koffi);
  const native = await npmPackage(`@koromix/koffi-linux-${arch.npm}`, koffiVersion, progress);
  const wasm = WASM_PACKAGES.flatMap(name => packageFolder(name) ?? []);
  const versions = await Promise.all(wasm.map(packageVersion));
  const hashes = packages.map(p => p.sha256);
  const inputs = [LAYOUT, userland.node, koffiVersion, ...versions, ...hashes];
  const name = `userland-${arch.name}-${contentKey(inputs)}`;
  const folder = await cached('image', name, async directory => {
    progress(`building the ${arch.name} guest's root disk`);
    const root = join(directory, 'root');
    for (const point of MOUNT_POINTS) await mkdir(join(root, point), { recursive: true });
    await copyLibraries(
      root,
      packages.map(p => p.directory),
    );
    for (const part of PRUNED) {
      await rm(join(root, 'usr/lib', arch.triplet, part), { recursive: true, force: true });
    }
    await mkdir(join(root, 'usr/bin'), { recursive: true });
    await cp(join(node, 'bin/node'), join(root, 'usr/bin/node'));
    const busybox = packages[packages.length - 1]?.directory ?? '';
    await cp(await busyboxPath(busybox), join(root, 'usr/bin/busybox'));
    for (const applet of APPLETS) await symlink('busybox', join(root, 'usr/bin', applet));
    await symlink('usr/bin', join(root, 'bin'));
    await symlink('usr/lib', join(root, 'lib'));
    if (await exists(join(root, 'usr/lib64'))) await symlink('usr/lib64', join(root, 'lib64'));
    await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    await writeFile(join(root, 'etc/group'), 'root:x:0:\n');
    const modules = join(root, 'node_modules');
    await copyKoffi(modules, koffi, native, arch);
    for (const from of wasm) {
      await cp(from, join(modules, basename(from)), { recursive: true, dereference: true });
    }
    if (!(await exists(join(root, arch.interpreter)))) {
      throw new Error(`build guest image: no ${arch.interpreter} in ${userland.suite}'s libc6`);
    }
    await makeExt4(root, join(directory, 'base.ext4'));
    await rm(root, { recursive: true });
  });
  return join(folder, 'base.ext4');
}

/** Returns the path of the static busybox in its unpacked package; older suites keep it in /bin. */
export async function busyboxPath(directory: string): Promise<string> {
  for (const part of ['usr/bin/busybox', 'bin/busybox']) {
    if (await exists(join(directory, part))) return join(directory, part);
  }
  throw new Error(`read busybox: not in ${directory}`);
}
