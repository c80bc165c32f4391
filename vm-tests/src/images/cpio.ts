/**
 * Writes a cpio archive in the `newc` format, which the kernel unpacks as its first root.
 *
 *   each entry   "070701" + 13 fields of 8 hexadecimal digits + name + NUL, padded to 4 bytes,
 *                then the contents, padded to 4 bytes
 *   last entry   named TRAILER!!!
 *
 * (kernel: Documentation/driver-api/early-userspace/buffer-format.rst.) Devices need no entry: the
 * init mounts devtmpfs. The fact readers get wrong: a folder needs its own entry before its files.
 */

/** One file, folder or symbolic link of an archive; paths have no leading slash. */
export type CpioEntry =
  | { readonly path: string; readonly kind: 'folder' }
  | { readonly path: string; readonly kind: 'link'; readonly target: string }
  | {
      readonly path: string;
      readonly kind: 'file';
      readonly data: Uint8Array;
      readonly mode: number;
    };

const TYPE = { folder: 0o040000, link: 0o120000, file: 0o100000 } as const;

function padded(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  out.set(bytes);
  return out;
}

function entryBytes(inode: number, path: string, mode: number, data: Uint8Array): Uint8Array[] {
  const name = new TextEncoder().encode(`${path}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length, 0];
  const header = '070701' + fields.map(f => f.toString(16).padStart(8, '0')).join('');
  return [padded(Buffer.concat([new TextEncoder().encode(header), name])), padded(data)];
}

/**
 * Returns the archive's bytes: entries in the given order, no times, owner 0, so it is
 * reproducible.
 */
export function cpioArchive(entries: readonly CpioEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  entries.forEach((entry, index) => {
    const data =
      entry.kind === 'file'
        ? entry.data
        : new TextEncoder().encode(entry.kind === 'link' ? entry.target : '');
    const permissions = entry.kind === 'file' ? entry.mode : 0o755;
    parts.push(...entryBytes(index + 1, entry.path, TYPE[entry.kind] | permissions, data));
  });
  parts.push(...entryBytes(0, 'TRAILER!!!', 0, new Uint8Array(0)));
  return Buffer.concat(parts);
}
