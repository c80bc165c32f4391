/**
 * The payload disk: the files that one run brings into its guests and the script that runs them.
 *
 * It is built for each run and thrown away, unlike the root disk. The fact readers get wrong:
 * QEMU's own exit code is always 0, so the script's last line, `##CELL exit N`, is the only result;
 * a guest that never prints it has died.
 */
import { copyFile, cp, link, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeExt4 } from '../images/ext4.js';
import { CELL_SCRIPT } from '../images/initramfs.js';

/** One file or folder of the host and where it appears under /payload in the guest. */
export interface PayloadFile {
  readonly from: string;
  /** Relative to /payload. */
  readonly to: string;
}

/** One program run in the guest; all steps share one boot. */
export interface Step {
  /** Printed in the protocol; no spaces. */
  readonly name: string;
  /** Program and arguments, as in a shell-less spawn. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** After this many seconds the step is killed, and the next one runs. */
  readonly timeoutSeconds: number;
}

/** Returns the word as one word of a shell script. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Returns the script that a guest runs last: every step in turn, results out, power off. */
export function cellScript(steps: readonly Step[]): string {
  const lines = [
    // Through a pipe, so that no program in here believes that it talks to a terminal.
    'busybox stty -opost -echo < "$TAP"',
    'busybox mkfifo /run/tap',
    'busybox cat < /run/tap > "$TAP" &',
    'pump=$!',
    'exec > /run/tap 2>&1',
    'busybox mkdir -p /dev/shm && busybox mount -t tmpfs tmpfs /dev/shm',
    'busybox ip link set lo up 2> /dev/null || busybox ifconfig lo up',
    'echo "##CELL start $(busybox uname -r)"',
    'worst=0',
    'cd /tmp',
  ];
  for (const step of steps) {
    const env = Object.entries(step.env ?? {}).map(([k, v]) => shellQuote(`${k}=${v}`));
    const words = ['busybox', 'timeout', '-s', 'KILL', String(step.timeoutSeconds)];
    words.push('busybox', 'env', ...env, ...step.command.map(shellQuote));
    lines.push(`echo '##STEP start ${step.name}'`, `${words.join(' ')} < /dev/null`, 'code=$?');
    lines.push(`echo "##STEP exit ${step.name} $code"`, '[ $code = 0 ] || worst=$code');
  }
  lines.push(
    'busybox tar cf "$RESULTS" -C /out . 2> /dev/console',
    'busybox sync',
    // A step may have left a process that holds the pipe; the last word does not wait for it.
    'exec > /dev/console 2>&1',
    'for i in 1 2 3 4 5 6 7 8 9 10; do',
    '  kill -0 $pump 2> /dev/null || break; busybox sleep 0.1',
    'done',
    'echo "##CELL exit $worst" > "$TAP"',
    'busybox poweroff -f',
    '',
  );
  return lines.join('\n');
}

/** Copies a file by hard link where the file system allows, since images are only read from. */
async function place(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  if ((await stat(from)).isDirectory()) {
    await cp(from, to, { recursive: true, verbatimSymlinks: true });
    return;
  }
  await link(from, to).catch(() => copyFile(from, to));
}

/** Where the script of one cell lies on the payload disk, which all cells share. */
const SCRIPTS = 'cells';

/**
 * Writes the payload disk `image` (ext4) with the files and, for each cell by its name, the script
 * of its steps.
 */
export async function makePayload(
  image: string,
  files: readonly PayloadFile[],
  steps: ReadonlyMap<string, readonly Step[]>,
): Promise<void> {
  const staging = `${image}.d`;
  await mkdir(join(staging, SCRIPTS), { recursive: true });
  try {
    for (const file of files) await place(file.from, join(staging, file.to));
    for (const [cell, own] of steps) {
      await writeFile(join(staging, SCRIPTS, `${cell}.sh`), cellScript(own));
    }
    await writeFile(join(staging, CELL_SCRIPT), `. "/payload/${SCRIPTS}/$SONDE_CELL.sh"\n`);
    await makeExt4(staging, image);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
