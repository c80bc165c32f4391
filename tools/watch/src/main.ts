#!/usr/bin/env node
/**
 * `sonde-watch PROBE`: save a probe, see its verdict. A warm process on this machine's kernel, or a
 * warm guest of any cell, runs the tests of each save.
 */
import { statSync, watch } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { withScratch, type Cell } from '@sonde/vm-tests';
import { bpfArch, chooseCell, openPlace } from './place.js';
import { Rounds } from './round.js';
import { roundLines } from './screen.js';

const USAGE = `usage: sonde-watch PROBE_DIR [--cell NAME] [--all] [--once] [--json]

Runs the probe's tests now and after each save of src, on this machine's kernel or in a guest.
  --cell NAME  a cell of the matrix, such as 5.10-arm64; without it this machine's kernel where it
               works, else the newest fast cell of this architecture
  --all        also the tests that go through every Go release
  --once       one round; the exit code is 0 when it passed
  --json       one JSON object a round, with milliseconds of each part`;

const progress = (line: string): void => void process.stderr.write(`${line}\n`);

/** A save of several files, or an editor's write and rename, is one round. */
const SETTLE_MS = 15;

/** Resolves at the next save below `src`; changes of generated files are our own. */
function nextSave(probeDir: string, signal: AbortSignal): Promise<string | undefined> {
  return new Promise(resolvePromise => {
    let timer: NodeJS.Timeout | undefined;
    const watcher = watch(join(probeDir, 'src'), { recursive: true }, (_kind, name) => {
      if (name === null || /^gen\/|(^|\/)[.#~]|~$|^\.schema-/.test(name)) return;
      if (!/\.(?:ts|c|h)$/.test(name)) return;
      clearTimeout(timer);
      timer = setTimeout(() => finish(name), SETTLE_MS);
    });
    const finish = (name: string | undefined): void => {
      watcher.close();
      resolvePromise(name);
    };
    signal.addEventListener('abort', () => finish(undefined), { once: true });
  });
}

interface Options {
  readonly all: boolean;
  readonly once: boolean;
  readonly json: boolean;
}

async function loop(probeDir: string, cell: Cell | undefined, options: Options): Promise<number> {
  return withScratch(async folder => {
    const stop = new AbortController();
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => stop.abort());
    }
    const place = await openPlace(probeDir, cell, folder, progress);
    const rounds = new Rounds({ probeDir, arch: bpfArch(cell), place, folder, all: options.all });
    try {
      await place.ready();
      let saved: string | undefined = 'start';
      let ok = true;
      while (saved !== undefined) {
        // Listening before the round: a save while it runs is the next round.
        const next = options.once ? Promise.resolve(undefined) : nextSave(probeDir, stop.signal);
        const result = await rounds.run();
        ok = result.verdict.ok;
        const shown = options.json
          ? [JSON.stringify({ saved, place: place.name, ...result })]
          : roundLines(saved, place.name, result);
        process.stdout.write(`${shown.join('\n')}\n`);
        saved = await next;
      }
      return ok ? 0 : 1;
    } finally {
      place.close();
      await rounds.close();
    }
  });
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      cell: { type: 'string' },
      all: { type: 'boolean', default: false },
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [probeDir] = positionals;
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  if (probeDir === undefined || positionals.length > 1)
    throw new Error(`one probe is watched\n${USAGE}`);
  if (!statSync(join(probeDir, 'src/schema.ts'), { throwIfNoEntry: false })) {
    throw new Error(`watch ${probeDir}: no src/schema.ts in it; name the folder of a probe`);
  }
  return loop(resolve(probeDir), await chooseCell(values.cell, progress), values);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`sonde-watch: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
