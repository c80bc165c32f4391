/**
 * Where rounds run: on this machine or in a guest that stays up. Either has one agent waiting.
 * What a reader would get wrong: `run` may be called before the next agent is ready; the order then
 * waits for it, and the time counts for the round.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { WarmGuest, type Cell, type Matrix, type PayloadFile } from '@sonde/vm-tests';
import { EXIT, READY, type AgentResult, type Order } from './protocol.js';

/** What a round brings: the tests, the object, and the environment besides. */
export interface RoundFiles {
  readonly bundle: string;
  readonly objects: readonly string[];
}

/** A place that runs rounds, one at a time. */
export interface AgentPlace {
  /** `host`, or the cell's name. */
  readonly name: string;
  /** Resolves once an agent waits; rejects when there will be none. */
  ready(): Promise<void>;
  run(files: RoundFiles): Promise<AgentResult>;
  close(): void;
}

/** A promise that somebody else settles. */
class Deferred<T> {
  resolve: (value: T) => void = () => undefined;
  reject: (error: Error) => void = () => undefined;
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });

  constructor() {
    // Who waits learns of a failure; that nobody waits is no failure of its own.
    this.promise.catch(() => undefined);
  }
}

/** Agents on this machine's own kernel. */
export class HostAgents implements AgentPlace {
  readonly name = 'host';
  readonly #agent: string;
  readonly #folder: string;
  readonly #workloads: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #lines: string[] = [];
  #ready = new Deferred<void>();
  #closed = false;

  /**
   * `agent` is the bundled agent, removed at the end; `workloads` the environment that
   * says where the programs lie that tests start.
   */
  constructor(agent: string, folder: string, workloads: Readonly<Record<string, string>>) {
    this.#agent = agent;
    this.#folder = folder;
    this.#workloads = workloads;
    this.#start();
  }

  #start(): void {
    this.#ready = new Deferred();
    this.#lines = [];
    const args = ['--pdeathsig', 'KILL', '--', process.execPath, this.#agent];
    // tap counts its own time limit from its load, and this process waits for hours.
    const env = {
      ...process.env,
      TAP_TIMEOUT: '0',
      NO_COLOR: '1',
      SONDE_CELL: 'host',
      ...this.#workloads,
    };
    const child = spawn('setpriv', args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    const ready = this.#ready;
    const lines = this.#lines;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', line => {
        if (line === READY) ready.resolve();
        else lines.push(line);
      });
    }
    child.stdin.on('error', () => undefined);
    child.on('error', error => ready.reject(error));
    child.on('close', code => ready.reject(new Error(`the agent ended with ${code}`)));
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  async run({ bundle, objects }: RoundFiles): Promise<AgentResult> {
    await this.ready();
    const child = this.#child as ChildProcess;
    const lines = this.#lines;
    const folder = join(this.#folder, 'objects');
    const order: Order = {
      files: [],
      bundle,
      env: {
        SONDE_OBJECT_DIR: objects[0] === undefined ? folder : join(objects[0], '..'),
        SONDE_OUT: this.#folder,
      },
    };
    const ended = new Promise<number | null>(resolve => child.once('close', resolve));
    child.stdin?.end(`${JSON.stringify(order)}\n`);
    const code = await ended;
    if (!this.#closed) this.#start();
    return { lines, code: code ?? undefined };
  }

  close(): void {
    this.#closed = true;
    this.#child?.kill('SIGKILL');
    rmSync(this.#agent, { force: true });
  }
}

const LOOP = '/payload/agents.sh';

/**
 * The guest's own loop: one agent after the other, each with the serial port as its input. A young
 * generation that need not grow first saves an emulated processor a tenth of its time.
 */
export const AGENT_LOOP = `while :; do
  node --min-semi-space-size=16 /payload/agent.mjs < "$TAP"
  echo "${EXIT}$?"
done
`;

/** What a guest of agents is made from. */
export interface GuestRequest {
  readonly matrix: Matrix;
  readonly cell: Cell;
  /** The bundled agent, the loop as a file, and workloads. */
  readonly files: readonly PayloadFile[];
  readonly folder: string;
  readonly progress: (line: string) => void;
}

/** Agents in a guest that stays up. */
export class GuestAgents implements AgentPlace {
  readonly name: string;
  #guest: WarmGuest | undefined;
  #ready = new Deferred<void>();
  #lines: string[] = [];
  #ended: Deferred<number | undefined> | undefined;

  private constructor(cell: Cell) {
    this.name = cell.name;
  }

  /** Boots the guest; `ready` tells when its first agent waits. */
  static async start(request: GuestRequest): Promise<GuestAgents> {
    mkdirSync(request.folder, { recursive: true });
    const agents = new GuestAgents(request.cell);
    agents.#guest = await WarmGuest.start({
      ...request,
      step: {
        name: 'agents',
        command: ['busybox', 'sh', LOOP],
        env: {
          TAP_TIMEOUT: '0',
          NO_COLOR: '1',
          SONDE_WORKLOADS: '/payload/workloads',
          SONDE_OWN_WORKLOADS: '/payload/own-workloads',
          SONDE_OBJECT_DIR: '/tmp',
          SONDE_OUT: '/out',
        },
        timeoutSeconds: 30 * 24 * 3600,
      },
      onLine: line => agents.#line(line),
      onGone: why => agents.#gone(why),
    });
    return agents;
  }

  #line(line: string): void {
    if (line === READY) this.#ready.resolve();
    else if (line.startsWith(EXIT)) {
      this.#ready = new Deferred();
      this.#ended?.resolve(Number(line.slice(EXIT.length)));
    } else if (!line.startsWith('##')) this.#lines.push(line);
  }

  #gone(why: string): void {
    this.#ready.reject(new Error(`the guest ${this.name} is gone: ${why}`));
    this.#ended?.resolve(undefined);
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  async run({ bundle, objects }: RoundFiles): Promise<AgentResult> {
    await this.ready();
    const guest = this.#guest as WarmGuest;
    const deliver = (from: string) => ({
      path: `/tmp/${basename(from)}`,
      ...guest.deliver(readFileSync(from)),
    });
    const order: Order = {
      files: [bundle, ...objects].map(deliver),
      bundle: `/tmp/${basename(bundle)}`,
      env: {},
    };
    this.#lines = [];
    this.#ended = new Deferred();
    guest.send(JSON.stringify(order));
    const code = await this.#ended.promise;
    return { lines: this.#lines, code };
  }

  close(): void {
    this.#guest?.close();
  }
}
