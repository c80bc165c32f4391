/**
 * Makes an ext4 image from a folder, without root and without mounting anything.
 *
 * The fact readers get wrong: mkfs.ext4 lies in /usr/sbin, which is not in an ordinary user's PATH.
 */
import { lstat, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '@sonde/toolchain';

interface Usage {
  bytes: number;
  files: number;
}

async function usage(folder: string): Promise<Usage> {
  const total: Usage = { bytes: 4096, files: 1 };
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const inner = await usage(path);
      total.bytes += inner.bytes;
      total.files += inner.files;
    } else {
      const { size } = await lstat(path);
      total.bytes += Math.ceil(size / 4096) * 4096;
      total.files += 1;
    }
  }
  return total;
}

/** Writes `image` holding everything in `folder`, owned by root, just large enough for it. */
export async function makeExt4(folder: string, image: string): Promise<void> {
  const { bytes, files } = await usage(folder);
  await writeFile(image, '');
  await truncate(image, Math.ceil((bytes * 1.03 + 8 * 2 ** 20) / 4096) * 4096);
  const features = '^has_journal,^resize_inode,^metadata_csum';
  const args = ['-q', '-F', '-b', '4096', '-O', features, '-m', '0', '-N', String(files + 64)];
  args.push('-E', 'root_owner=0:0,lazy_itable_init=1', '-d', folder, image);
  await run('mkfs.ext4', args, {
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    what: `make disk image ${image}`,
  });
}
