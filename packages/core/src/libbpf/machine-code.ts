/**
 * A few machine instructions of our own, mapped from a file in memory so that uprobes can be put on
 * them: the guinea pig of self tests and of calibration. The fact that is easy to get wrong: the
 * cost of a uprobe is that of the instruction under it, so both kinds are here, side by side.
 */
import { writeSync } from 'node:fs';
import koffi from 'koffi';
import { Mapping, pageBytes } from './memory.js';
import { closeFd, createMemoryFile, type AsyncCall } from './syscalls.js';

/** Byte offsets of the places that a probe can be put on. */
interface Places {
  /** A loop `(int n)` that passes `emulated` and `singleStepped` once a round. */
  readonly loop: number;
  /** An instruction that the kernel emulates: no trap but the breakpoint's own. */
  readonly emulated: number;
  /** An instruction that the kernel executes out of line, single-stepped: a second trap. */
  readonly singleStepped: number;
  /** A function that only returns, for return probes. */
  readonly leaf: number;
}

const CODE: Readonly<Record<string, { readonly bytes: readonly number[]; readonly at: Places }>> = {
  // push %rbp; pop %rbp; dec %edi; jne loop; ret; nop… leaf: push %rbp; pop %rbp; ret
  x64: {
    bytes: [0x55, 0x5d, 0xff, 0xcf, 0x75, 0xfa, 0xc3, 0x90, 0x55, 0x5d, 0xc3],
    at: { loop: 0, emulated: 0, singleStepped: 2, leaf: 8 },
  },
  // subs w0, w0, #1; b.ne loop; ret; nop; leaf: b +4; ret
  arm64: {
    bytes: [
      [0x00, 0x04, 0x00, 0x71],
      [0xe1, 0xff, 0xff, 0x54],
      [0xc0, 0x03, 0x5f, 0xd6],
      [0x1f, 0x20, 0x03, 0xd5],
      [0x01, 0x00, 0x00, 0x14],
      [0xc0, 0x03, 0x5f, 0xd6],
    ].flat(),
    at: { loop: 0, emulated: 4, singleStepped: 0, leaf: 16 },
  },
};

/** Rounds of the loop, or calls of the leaf; koffi converts to C's int. */
type NativeLoop = AsyncCall & ((rounds: number) => void);

/** Our own code, callable and probeable. Close it when no probe is on it any more. */
export class MachineCode {
  /** A path that the kernel resolves to the file, for attaching. */
  readonly path: string;
  readonly at: Places;
  readonly #fd: number;
  readonly #mapping: Mapping;
  readonly #loop: NativeLoop;
  readonly #leaf: NativeLoop;

  /** Maps the code. Throws on architectures it was not written for, or where memory files fail. */
  constructor() {
    const code = CODE[process.arch];
    if (code === undefined) {
      throw new Error(`map self-test code: none is written for architecture ${process.arch}`);
    }
    this.at = code.at;
    this.#fd = createMemoryFile('sonde-self-test');
    this.path = `/proc/self/fd/${this.#fd}`;
    try {
      writeSync(this.#fd, Uint8Array.from(code.bytes));
      const lengthBytes = pageBytes();
      this.#mapping = new Mapping({
        fd: this.#fd,
        lengthBytes,
        offsetBytes: 0,
        access: 'execute',
      });
    } catch (cause) {
      closeFd(this.#fd);
      throw cause;
    }
    const type = koffi.proto('void', ['int']);
    const address = this.#mapping.address;
    this.#loop = koffi.decode(address + BigInt(code.at.loop), type) as NativeLoop;
    this.#leaf = koffi.decode(address + BigInt(code.at.leaf), type) as NativeLoop;
  }

  /** Runs the loop on this thread, which passes each of its places `rounds` times, one at least. */
  runLoop(rounds: number): void {
    this.#loop(rounds);
  }

  /** Runs the loop on a thread of the pool: same process, other thread. */
  runLoopOnThread(rounds: number): Promise<void> {
    return new Promise(resolve => {
      this.#loop.async(rounds, () => resolve());
    });
  }

  /** Calls the leaf function `calls` times. */
  runLeaf(calls: number): void {
    for (let i = 0; i < calls; i++) this.#leaf(0);
  }

  /** Unmaps the code; it must not be running. */
  close(): void {
    this.#mapping.close();
    closeFd(this.#fd);
  }
}
