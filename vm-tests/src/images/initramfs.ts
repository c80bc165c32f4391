/**
 * The guest's first root: a static busybox and the script that mounts the disks and hands over.
 *
 * The script prints nothing; the payload's own script speaks the protocol. The fact readers get
 * wrong: NVMe disks are numbered in the order in which they answer, so each is found by its serial.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, contentKey, debianPackage, type Progress } from '@sonde/toolchain';
import type { Architecture, Matrix } from '../matrix.js';
import { cpioArchive } from './cpio.js';
import { busyboxPath } from './userland.js';

/** Name of the script on the payload disk that the guest runs last; it never returns. */
export const CELL_SCRIPT = 'cell.sh';

/** Serial numbers by which the guest knows its disks. */
export const DISK = { base: 'base', payload: 'payload', results: 'results' } as const;

/** On the kernel's command line: say that the guest is up, and end it. */
export const CHECK_WORD = 'sonde.check';

const INIT = `#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc proc /proc
$B mount -t sysfs sysfs /sys
$B mount -t devtmpfs devtmpfs /dev
TAP=/dev/console
for word in $($B cat /proc/cmdline); do
  case $word in
    sonde.tap=*) TAP=\${word#sonde.tap=};;
    sonde.cell=*) SONDE_CELL=\${word#sonde.cell=};;
    ${CHECK_WORD}) CHECK=1;;
  esac
done
if [ -n "$CHECK" ]; then
  echo "##CELL start $($B uname -r)" > $TAP
  $B poweroff -f
fi
disk() {
  tries=0
  while [ $tries -lt 100 ]; do
    for d in /sys/block/nvme*; do
      [ -e $d/device/serial ] || continue
      read -r serial < $d/device/serial
      if [ "$serial" = "$1" ]; then echo /dev/\${d##*/}; return; fi
    done
    tries=$((tries + 1)); $B sleep 0.05
  done
  echo "sonde: no disk with serial $1" > /dev/console
}
$B mount -t ext4 -o ro $(disk ${DISK.base}) /n
$B mount -t ext4 -o ro $(disk ${DISK.payload}) /n/payload
RESULTS=$(disk ${DISK.results})
for d in tmp run out; do $B mount -t tmpfs tmpfs /n/$d; done
$B mount -t bpf bpf /sys/fs/bpf
$B mount -t tracefs tracefs /sys/kernel/tracing
for d in proc sys dev; do $B mount --move /$d /n/$d; done
export TAP RESULTS SONDE_CELL PATH=/usr/bin:/bin HOME=/tmp LANG=C.UTF-8
exec $B switch_root /n /bin/busybox sh /payload/${CELL_SCRIPT} < /n/dev/null > /n/dev/console 2>&1
`;

/** Returns the path of an architecture's initramfs (an uncompressed cpio archive of about 2 MB). */
export async function initramfs(
  matrix: Matrix,
  arch: Architecture,
  progress: Progress,
): Promise<string> {
  const { suite, busybox: pattern } = matrix.userland;
  const found = await debianPackage(suite, pattern, arch.name, progress);
  const name = `initramfs-${arch.name}-${contentKey([INIT, found.sha256])}`;
  const folder = await cached('image', name, async directory => {
    const busybox = await readFile(await busyboxPath(found.directory));
    const archive = cpioArchive([
      ...['bin', 'dev', 'proc', 'sys', 'n'].map(path => ({ path, kind: 'folder' }) as const),
      { path: 'bin/busybox', kind: 'file', data: busybox, mode: 0o755 },
      { path: 'bin/sh', kind: 'link', target: 'busybox' },
      { path: 'init', kind: 'file', data: new TextEncoder().encode(INIT), mode: 0o755 },
    ]);
    await writeFile(join(directory, 'initramfs.cpio'), archive);
  });
  return join(folder, 'initramfs.cpio');
}
