/**
 * A cell as a machine that a person can enter: the same kernel, disks and tests as in a test run, a
 * network card, and an SSH server instead of the script that runs everything and powers off.
 *
 * The facts readers get wrong: nothing in the guest can reach out, because QEMU's user network is
 * restricted; only the forwarded port leads in. And the key is made here, for this checkout.
 */
import { chmod, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { debianPackage, run, type Progress } from '@sonde/toolchain';
import { makeExt4 } from '../images/ext4.js';
import { CELL_SCRIPT, initramfs } from '../images/initramfs.js';
import { kernelImage } from '../images/kernel.js';
import { userlandImage } from '../images/userland.js';
import { qemuArguments } from '../guest/qemu.js';
import type { PayloadFile } from '../guest/payload.js';
import type { Cell, Matrix } from '../matrix.js';
import { kernelModules } from './modules.js';

/** What a machine is made from. */
export interface MachineRequest {
  readonly matrix: Matrix;
  readonly cell: Cell;
  /** Under /payload in the machine: tests, objects, workloads. */
  readonly files: readonly PayloadFile[];
  /** Names of the test files in /payload/tests, without `.mjs`. */
  readonly tests: readonly string[];
  /** Gets the machine's disk, key and description; kept. */
  readonly folder: string;
  readonly progress: Progress;
}

/** What a provider needs to start a machine; written as machine.json. */
export interface MachineDescription {
  readonly cell: string;
  readonly program: string;
  /** Everything but the network, the pid file and the detaching, which are the provider's. */
  readonly arguments: readonly string[];
  readonly console: string;
  /** A line of the console that says that SSH answers. */
  readonly ready: string;
  readonly privateKey: string;
}

/** Printed on the console when SSH answers. */
export const MACHINE_READY = 'sonde: machine ready';

/** Exit code and counts of `/payload/test.sh`, which runs the tests, are the last line. */
function testScript(tests: readonly string[], cell: string): string {
  return [
    '#!/bin/sh',
    "# Runs the kernel tests that were brought in, or those named; every one's exit code counts.",
    `export SONDE_CELL=${cell} SONDE_OBJECT_DIR=/payload/bpf SONDE_WORKLOADS=/payload/workloads`,
    'export SONDE_OUT=/out NO_COLOR=1 TAP_TIMEOUT=0 LANG=C.UTF-8 HOME=/root',
    'worst=0',
    'cd /tmp',
    `for name in \${@:-${tests.join(' ')}}; do`,
    '  echo "# $name on $(uname -r)"',
    '  export SONDE_OWN_WORKLOADS="/payload/own-workloads/$name"',
    '  node "/payload/tests/$name.mjs" < /dev/null; code=$?',
    '  echo "# $name exited with $code"',
    '  [ $code = 0 ] || worst=$code',
    'done',
    'exit $worst',
    '',
  ].join('\n');
}

/** What the first process does: modules, network, SSH; then it waits. */
function machineScript(modules: readonly string[], name: string): string {
  return [
    ...modules.map(module => `busybox insmod /payload/modules/${module}.ko`),
    'busybox mkdir -p /dev/pts /dev/shm',
    'busybox mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts',
    'busybox mount -t tmpfs tmpfs /dev/shm',
    'busybox mount -t tmpfs -o mode=700 tmpfs /root && busybox mount -t tmpfs tmpfs /var',
    'busybox mount -t tmpfs tmpfs /usr/local',
    'busybox mkdir -p /usr/local/bin /var/log /root/.ssh',
    'busybox --install -s /usr/local/bin',
    'busybox ln -s /payload/ssh/scp /usr/local/bin/scp',
    `busybox hostname ${name}`,
    'busybox chmod 700 /root/.ssh && busybox cp /payload/ssh/authorized_keys /root/.ssh/',
    'busybox chmod 600 /root/.ssh/authorized_keys',
    'busybox ip link set lo up',
    'for i in 1 2 3 4 5 6 7 8 9; do [ -e /sys/class/net/eth0 ] || busybox sleep 0.1; done',
    'busybox ip addr add 10.0.2.15/24 dev eth0; busybox ip link set eth0 up',
    'export LD_LIBRARY_PATH=/payload/ssh/lib',
    '/payload/ssh/dropbearkey -t ed25519 -f /run/host-key > /dev/null 2>&1',
    '/payload/ssh/dropbear -r /run/host-key -s -p 22 -P /run/dropbear.pid',
    'unset LD_LIBRARY_PATH',
    'until busybox grep -q ":0016 [0-9A-F:]* 0A" /proc/net/tcp; do busybox sleep 0.1; done',
    `echo '${MACHINE_READY}' > /dev/console`,
    // The first process must not end; what its children leave behind it has to collect.
    'while :; do busybox sleep 3600 & wait; done',
    '',
  ].join('\n');
}

/** The SSH server and its libraries, and scp, which uploads need. */
async function sshFiles(request: MachineRequest, folder: string): Promise<void> {
  const { matrix, cell, progress } = request;
  const { architecture } = cell;
  await mkdir(join(folder, 'lib'), { recursive: true });
  for (const pattern of matrix.machine.packages) {
    const { suite } = matrix.userland;
    const { directory } = await debianPackage(suite, pattern, architecture.name, progress);
    for (const part of ['usr/lib', 'lib']) {
      const libraries = join(directory, part, architecture.triplet);
      if (existsSync(libraries)) {
        await run('sh', ['-c', 'cp -a "$0"/*.so* "$1"', libraries, join(folder, 'lib')]);
      }
    }
    for (const program of ['usr/sbin/dropbear', 'usr/bin/dropbearkey', 'usr/bin/scp']) {
      const from = join(directory, program);
      if (existsSync(from)) await cp(from, join(folder, basename(program)));
    }
  }
}

// Ed25519: Vagrant's SSH library signs with no ECDSA key under OpenSSL 3.
async function keyPair(folder: string): Promise<string> {
  const key = join(folder, 'key');
  if (!existsSync(key)) {
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'sonde machine', '-f', key], {
      what: 'make a key for the machine: ssh-keygen (openssh-client) is needed',
    });
  }
  return key;
}

/** Builds the machine's disk and writes its description; returns the description's path. */
export async function buildMachine(request: MachineRequest): Promise<string> {
  const { cell, folder, progress, tests } = request;
  await mkdir(folder, { recursive: true });
  const staging = join(folder, 'payload.d');
  await rm(staging, { recursive: true, force: true });
  const modules = await kernelModules(cell, ['virtio_pci', 'virtio_net'], progress);
  await mkdir(join(staging, 'modules'), { recursive: true });
  for (const { name, bytes } of modules) {
    await writeFile(join(staging, 'modules', `${name}.ko`), bytes);
  }
  await sshFiles(request, join(staging, 'ssh'));
  const key = await keyPair(folder);
  const publicKey = await readFile(`${key}.pub`, 'utf8');
  await writeFile(join(staging, 'ssh/authorized_keys'), publicKey);
  for (const file of request.files) {
    await cp(file.from, join(staging, file.to), { recursive: true });
  }
  await writeFile(join(staging, 'test.sh'), testScript(tests, cell.name));
  await chmod(join(staging, 'test.sh'), 0o755);
  const script = machineScript(
    modules.map(module => module.name),
    cell.name.replaceAll('.', '-'),
  );
  await writeFile(join(staging, CELL_SCRIPT), script);
  const payload = join(folder, 'payload.ext4');
  progress(`building the disk of ${cell.name}`);
  await makeExt4(staging, payload);
  await rm(staging, { recursive: true });
  return describe(request, payload, key);
}

async function describe(request: MachineRequest, payload: string, key: string): Promise<string> {
  const { matrix, cell, folder, progress } = request;
  const console = join(folder, 'console.log');
  const spare = join(folder, 'spare.img');
  await writeFile(spare, new Uint8Array(4096));
  const args = qemuArguments(cell, {
    kernel: (await kernelImage(cell, progress)).path,
    initramfs: await initramfs(matrix, cell.architecture, progress),
    base: await userlandImage(matrix, cell.architecture, progress),
    payload,
    results: spare,
    console,
  });
  const description: MachineDescription = {
    cell: cell.name,
    program: cell.architecture.qemu.program,
    // Nobody is at the other end of standard input and output once QEMU has detached itself.
    arguments: args.map(arg => (arg.startsWith('stdio,id=tap') ? 'null,id=tap' : arg)),
    console,
    ready: MACHINE_READY,
    privateKey: key,
  };
  const path = join(folder, 'machine.json');
  await writeFile(path, `${JSON.stringify(description, null, 2)}\n`);
  return path;
}
