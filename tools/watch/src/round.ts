/**
 * One round: what was saved is generated, compiled, bundled and run; and how long each part took.
 *
 * What a reader would get wrong: the schema is evaluated only when its text changed, because that
 * is the dearest part; what the agent has loaded (the framework, the kit) stays as it was built.
 */
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compileBpf, generateProbe, writeGenerated, type BpfArch } from '@sonde/codegen';
import type { BuildContext } from 'esbuild';
import type { AgentPlace } from './agents.js';
import { testContext, testFiles } from './bundle-tests.js';
import { judgeRound, type RoundVerdict } from './round-verdict.js';

/** Milliseconds of each part; a part that was not needed is absent. */
export interface RoundTimes {
  generate?: number;
  compile?: number;
  bundle?: number;
  run?: number;
  total: number;
}

/** What a round came to. */
export interface RoundResult {
  readonly verdict: RoundVerdict;
  readonly times: RoundTimes;
  /** Generated files that were written, as shown paths. */
  readonly written: readonly string[];
}

/** What is watched, and where it runs. */
export interface RoundOptions {
  readonly probeDir: string;
  readonly arch: BpfArch;
  readonly place: AgentPlace;
  /** For objects and bundles. */
  readonly folder: string;
  /** Also the tests that go through every Go release. */
  readonly all: boolean;
}

function now(): number {
  return performance.now();
}

/** Runs rounds of one probe. */
export class Rounds {
  readonly #options: RoundOptions;
  #schema: string | undefined;
  #context: { files: string; built: BuildContext } | undefined;

  constructor(options: RoundOptions) {
    this.#options = options;
    mkdirSync(join(options.folder, 'objects'), { recursive: true });
  }

  /** Everything that the schema is made of, as one text. */
  #schemaText(): string {
    const folder = resolve(this.#options.probeDir, 'src');
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    const parts = names.filter(name => name === 'schema.ts' || /^schema\/.*\.ts$/.test(name));
    return parts
      .sort()
      .map(name => readFileSync(join(folder, name), 'utf8'))
      .join('\0');
  }

  /** Compiles every `.bpf.c` for the place's architecture. Throws with the compiler's words. */
  #compile(): string[] {
    const { probeDir, arch, folder } = this.#options;
    const sources = resolve(probeDir, 'src');
    return readdirSync(sources)
      .filter(name => name.endsWith('.bpf.c'))
      .map(name => {
        const probe = name.slice(0, -'.bpf.c'.length).replaceAll('_', '-');
        const object = join(folder, 'objects', `${probe}.${arch}.bpf.o`);
        compileBpf({ source: join(sources, name), object, arch, include: [sources] });
        return object;
      });
  }

  async #bundle(): Promise<string> {
    const { probeDir, folder, all } = this.#options;
    const files = testFiles(probeDir, all);
    if (files.length === 0) throw new Error(`watch ${probeDir}: src holds no *.kernel.test.ts`);
    const outfile = join(folder, 'tests.mjs');
    if (this.#context?.files !== files.join()) {
      await this.#context?.built.dispose();
      const built = await testContext(resolve(probeDir), files, outfile);
      this.#context = { files: files.join(), built };
    }
    await this.#context.built.rebuild();
    return outfile;
  }

  /** One round. Never rejects for what is wrong in the probe: that is the verdict. */
  async run(): Promise<RoundResult> {
    const began = now();
    const times: RoundTimes = { total: 0 };
    let written: string[] = [];
    const failed = (step: string, error: unknown): RoundResult => {
      times.total = now() - began;
      const lines = (error instanceof Error ? error.message : String(error)).split('\n');
      const verdict: RoundVerdict = { ok: false, step, counts: '', lines };
      return { verdict, times, written };
    };
    const part = async <T>(
      name: 'generate' | 'compile' | 'bundle' | 'run',
      work: () => Promise<T>,
    ) => {
      const start = now();
      const value = await work();
      times[name] = now() - start;
      return value;
    };
    let step = 'generate';
    try {
      const schema = this.#schemaText();
      if (schema !== this.#schema) {
        written = await part('generate', async () =>
          writeGenerated(await generateProbe(this.#options.probeDir)),
        );
        this.#schema = schema;
      }
      step = 'bundle';
      // esbuild works in a process of its own, so that the compiler runs beside it.
      const bundling = part('bundle', () => this.#bundle());
      bundling.catch(() => undefined);
      step = 'compile';
      const objects = await part('compile', async () => this.#compile());
      step = 'bundle';
      const bundle = await bundling;
      step = 'run';
      const result = await part('run', () => this.#options.place.run({ bundle, objects }));
      times.total = now() - began;
      return { verdict: judgeRound(this.#options.place.name, result), times, written };
    } catch (error) {
      return failed(step, error);
    }
  }

  /** Ends the bundler. */
  async close(): Promise<void> {
    await this.#context?.built.dispose();
  }
}
