/**
 * Gets a cell's kernel ready to be entered by QEMU.
 *
 * An amd64 kernel starts 0.7 s sooner as the ELF file inside its bzImage, entered through the PVH
 * note, than through its own decompressor under emulation. The fact readers get wrong: the
 * compressed payload's place is in the setup header (kernel: Documentation/arch/x86/boot.rst),
 * never found by searching for a magic number, which also occurs in the code before it.
 */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { cached, debianPackage, exists, run, type Progress } from '@sonde/toolchain';
import { execa } from 'execa';
import type { Cell } from '../matrix.js';

/** A kernel file that QEMU's -kernel takes, and the release that it will report. */
export interface KernelImage {
  readonly path: string;
  /** As `uname -r` prints it. */
  readonly release: string;
}

const DECOMPRESSORS: readonly { magic: string; program: string; args: readonly string[] }[] = [
  { magic: '28b52ffd', program: 'zstd', args: ['-dcq'] },
  { magic: '02214c18', program: 'lz4', args: ['-dc'] },
  { magic: 'fd377a58', program: 'xz', args: ['-dc', '--single-stream'] },
];

/**
 * Returns the bytes of the ELF kernel inside a bzImage. Throws when the payload's compression is
 * unknown, its tool is missing, or what comes out is not an ELF file.
 */
export async function unpackBzImage(image: Uint8Array): Promise<Uint8Array> {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  if (image.length < 0x250 || view.getUint32(0x202, true) !== 0x53726448) {
    throw new Error('unpack kernel: no boot header (HdrS) at 0x202');
  }
  const setupSectors = view.getUint8(0x1f1) || 4;
  const start = (setupSectors + 1) * 512 + view.getUint32(0x248, true);
  const end = start + view.getUint32(0x24c, true);
  if (end > image.length) throw new Error(`unpack kernel: payload ends at ${end}, beyond the file`);
  const payload = image.subarray(start, end);
  const elf = await decompress(payload);
  if (Buffer.from(elf.subarray(0, 4)).toString('latin1') !== '\x7fELF') {
    throw new Error('unpack kernel: the payload is not an ELF file');
  }
  return elf;
}

async function decompress(payload: Uint8Array): Promise<Uint8Array> {
  const magic = Buffer.from(payload.subarray(0, 4)).toString('hex');
  // The size that the kernel's build appends is not part of the stream.
  const stream = payload.subarray(0, payload.length - 4);
  if (magic.startsWith('1f8b')) return gunzipSync(stream);
  const tool = DECOMPRESSORS.find(d => d.magic === magic);
  if (!tool) throw new Error(`unpack kernel: unknown compression ${magic}`);
  const result = await execa(tool.program, tool.args, {
    input: stream,
    encoding: 'buffer',
    reject: false,
    maxBuffer: 512 * 1024 * 1024,
  });
  if (result.code === 'ENOENT') {
    throw new Error(`unpack kernel: ${tool.program} is not installed`, { cause: result });
  }
  return result.stdout;
}

/** Debian keeps a kernel in /boot under its release's name, and since 7.3 beside its modules. */
async function findKernel(directory: string): Promise<KernelImage> {
  const boot = join(directory, 'boot');
  for (const file of await readdir(boot).catch(() => [] as string[])) {
    if (!file.startsWith('vmlinuz-')) continue;
    return { path: join(boot, file), release: file.slice('vmlinuz-'.length) };
  }
  const modules = join(directory, 'usr/lib/modules');
  for (const release of await readdir(modules).catch(() => [] as string[])) {
    const path = join(modules, release, 'vmlinuz');
    if (await exists(path)) return { path, release };
  }
  throw new Error(`read kernel: no vmlinuz in ${directory}`);
}

/** Returns the kernel of a cell, from the cache when it was fetched before. */
export async function kernelImage(cell: Cell, progress: Progress): Promise<KernelImage> {
  const { kernel, architecture } = cell;
  const pattern = kernel.package.replaceAll('ARCH', architecture.name);
  const found = await debianPackage(kernel.suite, pattern, architecture.name, progress);
  const { path, release } = await findKernel(found.directory);
  if (architecture.qemu.image === 'vmlinuz') return { path, release };
  const name = `${release}-${found.sha256.slice(0, 12)}`;
  const folder = await cached('kernel', name, async directory => {
    progress(`unpacking kernel ${release}`);
    const elf = await unpackBzImage(await readFile(path));
    await writeFile(join(directory, 'vmlinux'), elf);
  });
  return { path: join(folder, 'vmlinux'), release };
}

/** Fails early, with one line, when a program that a guest needs is not installed. */
export async function checkPrograms(cells: readonly Cell[]): Promise<void> {
  const programs = new Set([
    'mkfs.ext4',
    'setpriv',
    ...cells.map(c => c.architecture.qemu.program),
  ]);
  for (const program of programs) {
    const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
    await run('sh', ['-c', 'command -v "$0"', program], {
      env: { PATH: path },
      what: `start guests: ${program} is not installed`,
    });
  }
}
