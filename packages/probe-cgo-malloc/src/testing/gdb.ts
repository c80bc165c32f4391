/**
 * gdb as another opinion: it stops a program behind the first instruction of malloc and unwinds by
 * an implementation of its own. What a reader would get wrong: frames that are none of the stack's
 * (inlined calls, calls that were jumps) are left out; and the program must not be traced at the
 * same time, because the kernel's probe of malloc's return puts its own address on the stack.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** One stop at malloc. */
export interface GdbStop {
  readonly tid: number;
  readonly sizeBytes: number;
  /** Return addresses up to the first of Go, which is not among them; absent if not unwound. */
  readonly pcs?: readonly bigint[];
  /** Why gdb went no further, if it did not arrive in Go. */
  readonly reason?: string;
}

/** Where gdb shall stop and where its walk ends. */
export interface GdbRequest {
  readonly pid: number;
  /** Runtime address of malloc's first instruction. */
  readonly malloc: bigint;
  readonly goText: readonly [start: bigint, end: bigint];
  /** Every how many stops it unwinds: a walk costs gdb milliseconds. */
  readonly every: number;
  /** Folder for the script and its answers. */
  readonly folder: string;
}

/** Runs inside gdb. Every answer is one line: tid, size, addresses, reason. */
const SCRIPT = `
import gdb, os
malloc, low, high, every = (int(os.environ['SONDE_' + name]) for name in
                            ('MALLOC', 'GO_START', 'GO_END', 'EVERY'))
for setting in ('pagination off', 'confirm off', 'print inferior-events off',
                'print thread-events off'):
    gdb.execute('set ' + setting)
gdb.execute('handle SIGURG SIGPIPE SIGPROF nostop noprint pass', to_string=True)
answers = open(os.environ['SONDE_ANSWERS'], 'w', buffering=1)
ARM64 = 'aarch64' in gdb.selected_inferior().architecture().name()

def walk():
    addresses, reason, frame = [], '', gdb.newest_frame()
    try:
        while frame is not None:
            if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
                if low <= frame.pc() < high:
                    return addresses[1:], ''
                addresses.append(frame.pc())
            if frame.unwind_stop_reason() != gdb.FRAME_UNWIND_NO_REASON:
                reason = gdb.frame_stop_reason_string(frame.unwind_stop_reason())
            frame = frame.older()
    except gdb.error as error:
        reason = str(error)
    return addresses[1:], reason or 'the stack ended'

class Malloc(gdb.Breakpoint):
    count = 0
    def stop(self):
        frame = gdb.newest_frame()
        size = int(frame.read_register('x0' if ARM64 else 'rdi')) & (2**64 - 1)
        line = '%d %d' % (gdb.selected_thread().ptid[1], size)
        if Malloc.count % every == 0:
            addresses, reason = walk()
            line += ' %s|%s' % (','.join('%x' % a for a in addresses), reason)
        Malloc.count += 1
        answers.write(line + '\\n')
        return False

code = gdb.selected_inferior().architecture().disassemble(malloc, count=2)
Malloc('*%d' % code[1]['addr'])
answers.write('ready\\n')
gdb.execute('continue', to_string=True)
`;

const QUIET = ['-nx', '-q', '-batch', '-iex', 'set auto-load no', '-iex', 'set debuginfod off'];

/** Asks whether gdb is there and may attach to a process; says in its words why not. */
export async function askGdb(pid: number): Promise<{ available: boolean; evidence: string }> {
  const args = ['-nx', '-q', '-batch', '-iex', 'set auto-load no', '-p', String(pid)];
  try {
    const { stdout, stderr } = await promisify(execFile)('gdb', [...args, '-ex', 'info threads']);
    const refusal = /ptrace: .*/.exec(stderr)?.[0];
    if (refusal !== undefined) return { available: false, evidence: refusal };
    return { available: stdout.includes('Thread'), evidence: stderr.trim().split('\n')[0] ?? '' };
  } catch (error) {
    return { available: false, evidence: (error as Error).message.split('\n')[0] ?? '' };
  }
}

/** A gdb that is attached until its process ends. */
export class GdbWatch {
  readonly #child: ChildProcess;
  readonly #answers: string;
  readonly #ended: Promise<void>;
  #said = '';

  /** Starts gdb; {@link attached} resolves once the process runs again. */
  constructor(request: GdbRequest) {
    const script = join(request.folder, 'stacks.py');
    this.#answers = join(request.folder, 'answers.txt');
    writeFileSync(script, SCRIPT);
    const env = {
      ...process.env,
      SONDE_MALLOC: String(request.malloc),
      SONDE_GO_START: String(request.goText[0]),
      SONDE_GO_END: String(request.goText[1]),
      SONDE_EVERY: String(request.every),
      SONDE_ANSWERS: this.#answers,
    };
    const args = [...QUIET, '-p', String(request.pid), '-x', script];
    this.#child = spawn('gdb', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.#said += chunk.toString()));
    }
    this.#ended = new Promise(resolve => {
      this.#child.once('error', () => resolve());
      this.#child.once('close', () => resolve());
    });
  }

  /** Resolves when the breakpoint is set. Throws what gdb said if it ended before. */
  async attached(): Promise<void> {
    let ended = false;
    void this.#ended.then(() => (ended = true));
    while (!existsSync(this.#answers) || !readFileSync(this.#answers, 'utf8').includes('ready')) {
      if (ended) throw new Error(`attach gdb: ${this.#said.trim()}`);
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  }

  /** What gdb has seen so far, in order. */
  stops(): GdbStop[] {
    const lines = readFileSync(this.#answers, 'utf8').split('\n').slice(1, -1);
    return lines.map(line => {
      const [, tid, sizeBytes, pcs, reason] = /^(\d+) (\d+)(?: ([^|]*)\|(.*))?$/.exec(line) ?? [];
      const stop = { tid: Number(tid), sizeBytes: Number(sizeBytes) };
      if (pcs === undefined) return stop;
      const addresses = pcs === '' ? [] : pcs.split(',').map(pc => BigInt(`0x${pc}`));
      return { ...stop, pcs: addresses, ...(reason !== '' && { reason: reason ?? '' }) };
    });
  }

  /** Waits until gdb has ended, as it does with its process; ends it after five seconds. */
  async end(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await this.#ended;
    clearTimeout(timer);
  }
}
