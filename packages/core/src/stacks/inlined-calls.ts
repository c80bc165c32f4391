/**
 * Calls that a C compiler inlined, by a tool of the system that reads DWARF: `llvm-addr2line`, else
 * `addr2line`. Off unless it is asked for: it needs debug information, and seconds for a large
 * program. What a reader would get wrong: one child process answers all addresses of a file in a
 * stack, and the time of all children together is bounded; what is not answered by then keeps
 * the name of its symbol.
 */
import { spawnSync } from 'node:child_process';
import { type InlinedFrame, parseInlinedFrames } from '@sonde/symbols';

/** In the order in which they are tried: LLVM's is some ten times as fast on large programs. */
const TOOLS = ['llvm-addr2line', 'addr2line'];
const TOTAL_MS_MAX = 60_000;
const OUTPUT_BYTES_MAX = 64 << 20;

/** Asks the tool about files; keeps why it no longer does. */
export class InlinedCalls {
  readonly #tools: readonly string[];
  #tool: string | undefined;
  #leftMs: number;
  #problem: string | undefined;

  /** `tools` are names or paths, the first that runs is taken; `totalMs` bounds all children. */
  constructor(tools: readonly string[] = TOOLS, totalMs = TOTAL_MS_MAX) {
    this.#tools = tools;
    this.#leftMs = totalMs;
  }

  /** What the report must say of inlined calls: empty while all is well. */
  get notes(): readonly string[] {
    return this.#problem === undefined ? [] : [`inlined C calls are not shown: ${this.#problem}`];
  }

  /** Frames by address of the file, innermost first; addresses without DWARF are absent. */
  framesOf(path: string, addresses: readonly number[]): Map<number, readonly InlinedFrame[]> {
    const tool = this.#findTool();
    if (tool === undefined || addresses.length === 0) return new Map();
    const startMs = performance.now();
    const { stdout, error, status } = spawnSync(tool, ['-a', '-f', '-i', '-e', path], {
      input: addresses.map(address => `0x${address.toString(16)}\n`).join(''),
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
      // Node takes whole milliseconds alone.
      timeout: Math.max(1, Math.ceil(this.#leftMs)),
      killSignal: 'SIGKILL',
      maxBuffer: OUTPUT_BYTES_MAX,
    });
    this.#leftMs -= performance.now() - startMs;
    if (this.#leftMs <= 0) this.#problem = `${tool} took too long; the names are of symbols alone`;
    // A file that it cannot read has no debug information for it: that is an answer.
    if (error !== undefined || status !== 0) return new Map();
    return parseInlinedFrames(stdout);
  }

  #findTool(): string | undefined {
    if (this.#problem !== undefined) return undefined;
    this.#tool ??= this.#tools.find(tool => {
      const { error, status } = spawnSync(tool, ['--version'], {
        stdio: 'ignore',
        timeout: 10_000,
      });
      return error === undefined && status === 0;
    });
    if (this.#tool === undefined) {
      this.#problem = `${this.#tools.join(' or ')} does not run here; install binutils or llvm`;
    }
    return this.#tool;
  }
}
