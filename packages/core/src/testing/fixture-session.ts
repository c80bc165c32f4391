/**
 * The traced program and the probe of core's own tests, as a session needs them. The fact that is
 * easy to get wrong: the program is C, which openTarget refuses, so its places are found here.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { openElf, openFileReader } from '@sonde/symbols';
import type { ProbeModule } from '../decode/index.js';
import {
  cFunction,
  cReturn,
  defineProbe,
  event,
  hash,
  kprobe,
  param,
  perfSoftware,
  point,
  siteId,
  toIr,
  u32,
  u64,
  type AttachIr,
  type ProbeIr,
} from '../schema/index.js';
import type { SessionTarget } from '../session/session-types.js';
import type { AttachLocation } from '../target/index.js';
import { compileProgram, compileTarget } from './bpf-fixture.js';

/** The schema behind bpf-tests/fixture.bpf.c. */
export const FIXTURE_IR: ProbeIr = toIr(
  defineProbe({
    name: 'fixture',
    about: 'Calls of work() in the tests’ own program',
    modes: ['stream', 'aggregate'],
    events: {
      call: event('One call or return.', {
        argument: u64('argument, or result at a return'),
        site: siteId('where it was seen'),
        point: u32('index of the attach point'),
      }),
    },
    maps: {
      callsByArgument: hash({
        about: 'calls by argument',
        key: u64('argument'),
        value: u64('calls'),
        maxEntries: param('maxCalls'),
      }),
    },
    params: {
      minArgument: param(u64(), { default: 0, about: 'smallest argument that is reported' }),
      maxCalls: param(u32(), { default: 64, about: 'entries of callsByArgument' }),
    },
    attach: [
      point('call', {
        about: 'entry of work()',
        oneOf: [
          kprobe('sonde_no_such_function', { program: 'on_kernel' }),
          cFunction('work', { program: 'on_call', library: 'executable' }),
        ],
      }),
      point('back', {
        about: 'return of work()',
        need: 'optional',
        oneOf: [cReturn('work', { program: 'on_return', library: 'executable' })],
      }),
      point('fault', {
        about: 'page faults of the program',
        need: 'optional',
        oneOf: [perfSoftware('page-faults', { program: 'on_fault' })],
      }),
    ],
  }),
);

/** A schema hash as the macro FIXTURE_HASH of the C source. */
export function hashMacro(hash: string): string {
  return (hash.match(/../g) ?? []).map(byte => `0x${byte}`).join(',');
}

let fixture: ProbeModule | undefined;

/** The compiled fixture probe as a module, compiled on the first call. */
export function fixtureProbe(): ProbeModule {
  if (fixture === undefined) {
    const { arch } = { arch: process.arch === 'arm64' ? 'arm64' : 'x86_64' };
    const { path } = compileProgram('fixture', {
      defines: { FIXTURE_HASH: hashMacro(FIXTURE_IR.hash) },
      outputName: `fixture.${arch}`,
    });
    const objectBase = new URL('./', pathToFileURL(path));
    fixture = { ir: FIXTURE_IR, events: {}, maps: {}, objectBase };
  }
  return fixture;
}

function readAt(path: string, into: Buffer, position: bigint): void {
  const fd = openSync(path, 'r');
  readSync(fd, into, 0, into.length, position);
  closeSync(fd);
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** A running bpf-tests/target.c, and its places for a session. */
export class FixtureTarget implements SessionTarget {
  readonly info: { readonly pid: number };
  /** The program's file. */
  readonly path: string;
  /** Set it to make places unknown: resolve then finds nothing. */
  hidden = false;
  readonly #child: Child | undefined;
  readonly #exited: Promise<void>;
  readonly #waiting: ((line: string) => void)[] = [];

  private constructor(path: string, pid: number, child?: Child) {
    this.path = path;
    this.info = { pid };
    this.#child = child;
    this.#exited = new Promise(resolve => child?.once('exit', () => resolve()));
    if (child === undefined) return;
    createInterface(child.stdout).on('line', line => this.#waiting.shift()?.(line));
  }

  /** Compiles and starts the program, and waits until it is ready. */
  static async start(): Promise<FixtureTarget> {
    const path = compileTarget('target');
    const child = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'] });
    const target = new FixtureTarget(path, child.pid ?? 0, child);
    await target.#nextLine();
    return target;
  }

  /** Another process's program, which only its parent can talk to. */
  static attachTo(pid: number, path: string): FixtureTarget {
    return new FixtureTarget(path, pid);
  }

  #nextLine(): Promise<string> {
    return new Promise(resolve => this.#waiting.push(resolve));
  }

  /** Has it call work(1…count); resolves with the calls it has made in all. */
  async call(count: number, where: 'call' | 'thread' = 'call'): Promise<number> {
    const line = this.#nextLine();
    this.#child?.stdin.write(`${where} ${count}\n`);
    return Number((await line).split(' ')[1]);
  }

  /** Ends the program. */
  async end(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** Whether a breakpoint lies on work() in the running program: its memory is not the file's. */
  get patched(): boolean {
    const [place] = this.resolve({
      kind: 'cFunction',
      name: '',
      program: '',
      symbol: 'work',
      library: 'executable',
    });
    if (place === undefined) throw new Error('find work(): the program has no such symbol');
    const [memory, file] = [Buffer.alloc(4), Buffer.alloc(4)];
    readAt(`/proc/${this.info.pid}/mem`, memory, place.address);
    readAt(this.path, file, BigInt(place.fileOffset));
    return !memory.equals(file);
  }

  config(): Readonly<Record<string, number | bigint>> {
    return { tgid: this.info.pid, pidnsDev: 0n, pidnsIno: 0n };
  }

  resolve(attach: AttachIr): readonly AttachLocation[] {
    if (this.hidden || !('symbol' in attach)) return [];
    const elf = openElf(openFileReader(this.path));
    const symbol = elf.symbols().find(each => each.name === attach.symbol);
    if (symbol === undefined) return [];
    const mapped = readFileSync(`/proc/${this.info.pid}/maps`, 'utf8').split('\n');
    const first = mapped.find(line => line.endsWith(this.path)) ?? '';
    const base = BigInt(`0x${first.split('-')[0] ?? '0'}`);
    return [
      {
        file: this.path,
        fileOffset: elf.vaddrToOffset(symbol.value) ?? 0,
        address: base + BigInt(symbol.value),
        symbol: symbol.name,
        instruction: 'first instruction',
        costClass: 'single-stepped',
        module: this.path,
      },
    ];
  }

  refreshMaps(): void {}

  cpuNs(): number | undefined {
    return undefined;
  }

  async exited(signal?: AbortSignal): Promise<void> {
    const aborted = new Promise<void>(resolve => {
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([this.#exited, aborted]);
  }

  close(): void {}
}
