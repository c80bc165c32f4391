/**
 * The QEMU command line of one cell.
 *
 * One processor, because under emulation a second one is no faster. The guest has no network device
 * and QEMU listens on nothing. The fact readers get wrong: `-nodefaults` is what keeps QEMU from
 * opening a monitor, a display and a network by itself.
 */
import { DISK } from '../images/initramfs.js';
import type { Cell } from '../matrix.js';
import { acceleratorArguments, type Accelerator } from './accelerator.js';

/** Kernel start-up work that no test needs; together half a second under emulation. */
const SKIPPED_INITCALLS = [
  'load_system_certificate_list',
  'jent_mod_init',
  'crypto_algapi_init',
  'bpf_dummy_struct_ops_init',
  'bpf_tcp_ca_kfunc_init',
];

/** Files that one guest is made of; all paths on the host. */
export interface GuestFiles {
  readonly kernel: string;
  readonly initramfs: string;
  readonly base: string;
  readonly payload: string;
  /** Written by the guest: a tar archive from the first byte. */
  readonly results: string;
  /** Written by QEMU: everything that the kernel prints. */
  readonly console: string;
}

function disk(id: string, path: string, options: string): string[] {
  const file = path.replaceAll(',', ',,');
  const drive = `if=none,id=${id},format=raw,${options},file=${file}`;
  return ['-drive', drive, '-device', `nvme,serial=${id},drive=${id}`];
}

/** What a run may have otherwise than the matrix says. */
export interface QemuOptions {
  readonly memoryMib?: number;
  /** Emulation when left out. */
  readonly accelerator?: Accelerator;
}

/** Returns the arguments after the program's name. */
export function qemuArguments(cell: Cell, files: GuestFiles, options: QemuOptions = {}): string[] {
  const { memoryMib, accelerator = 'tcg' } = options;
  const { qemu } = cell.architecture;
  const append = [
    'panic=-1',
    // A kernel that has oopsed goes on in a state that no result can be trusted in.
    'oops=panic',
    `console=${qemu.console}`,
    'quiet',
    'mitigations=off',
    // Beside KASLR, arm64 keeps the kernel's page tables apart whatever `mitigations` says; each
    // entry of the kernel then empties the emulated TLB, which is a third of a guest's time.
    'nokaslr',
    `initcall_blacklist=${SKIPPED_INITCALLS.join(',')}`,
    'rdinit=/init',
    `sonde.tap=${qemu.tap}`,
    `sonde.cell=${cell.name}`,
  ].join(' ');
  return [
    ...acceleratorArguments(accelerator, qemu.cpu),
    ...['-machine', qemu.machine, '-smp', '1'],
    ...['-m', String(memoryMib ?? cell.kernel.memoryMib), '-nodefaults', '-no-user-config'],
    ...['-display', 'none', '-no-reboot', '-kernel', files.kernel, '-initrd', files.initramfs],
    ...['-append', append],
    ...['-chardev', `file,id=console,path=${files.console.replaceAll(',', ',,')}`],
    ...['-serial', 'chardev:console'],
    ...['-chardev', 'stdio,id=tap,signal=off', '-device', 'pci-serial,chardev=tap'],
    ...disk(DISK.base, files.base, 'readonly=on'),
    ...disk(DISK.payload, files.payload, 'readonly=on'),
    ...disk(DISK.results, files.results, 'cache=unsafe'),
  ];
}
