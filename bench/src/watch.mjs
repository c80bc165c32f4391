// @ts-check
/**
 * From a save to the verdict: a new probe with its generated test, on this machine's kernel and in
 * a warm arm64 guest. The baseline is the same round with nothing warm. What a reader would get
 * wrong: the clock starts at the write of the file and stops at the printed line, so the file
 * system's notice and the settling time are part of it.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { newProbe, writeGenerated } from '@sonde/codegen';
import { row, summarize } from './measure.mjs';

const ROUNDS = 9;
/** The next agent loads between two saves, as while an author reads. */
const BETWEEN_MS = { host: 2000, guest: 15000 };
const MAIN = fileURLToPath(new URL('../../tools/watch/dist/main.js', import.meta.url));
const ROOT = fileURLToPath(new URL('../../tools/watch/out/bench', import.meta.url));
const GOALS = { host: 1000, guest: 2000 };

/** @param {number} ms */
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

/**
 * @param {string} probe
 * @param {string} source
 * @param {readonly string[]} flags
 * @param {'host' | 'guest'} lane
 */
async function rounds(probe, source, flags, lane) {
  const child = spawn(process.execPath, [MAIN, probe, '--json', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value } = await lines.next();
    if (value === undefined) throw new Error('watch: it ended before its verdict');
    const result = JSON.parse(value);
    if (!result.verdict.ok) throw new Error(`watch: the probe fails: ${result.verdict.lines[0]}`);
  };
  try {
    await next();
    const text = readFileSync(source, 'utf8');
    const times = [];
    for (let round = 0; round < ROUNDS; round++) {
      await sleep(BETWEEN_MS[lane]);
      const began = performance.now();
      writeFileSync(source, `${text}/* ${round} */\n`);
      await next();
      times.push(performance.now() - began);
    }
    return times;
  } finally {
    child.kill('SIGTERM');
  }
}

/**
 * @param {string} probe
 * @param {readonly string[]} flags
 */
async function fromTheStart(probe, flags) {
  const began = performance.now();
  const child = spawn(process.execPath, [MAIN, probe, '--once', ...flags], { stdio: 'ignore' });
  await new Promise(resolve => child.once('close', resolve));
  return performance.now() - began;
}

/** Prints both times and the baseline of each. */
export async function watch() {
  rmSync(ROOT, { recursive: true, force: true });
  mkdirSync(ROOT, { recursive: true });
  writeFileSync(join(ROOT, 'nx.json'), '{}\n');
  writeGenerated(await newProbe(ROOT, 'watched'));
  const probe = join(ROOT, 'watched');
  const source = join(probe, 'src/watched.bpf.c');
  try {
    for (const [lane, flags] of /** @type {const} */ ([
      ['host', []],
      ['guest', ['--cell', '6.12-arm64']],
    ])) {
      const start = await fromTheStart(probe, flags);
      const times = await rounds(probe, source, flags, lane);
      const name = lane === 'host' ? 'this machine' : '6.12-arm64, emulated';
      const summary = summarize(times);
      row(`${name}: everything from the start`, summarize([start]), 'ms');
      row(`${name}: save to verdict`, summary, 'ms', {
        value: summary.median,
        goal: GOALS[lane],
        what: 'median',
      });
    }
  } finally {
    rmSync(ROOT, { recursive: true, force: true });
  }
}
