/**
 * `sonde trace` with a ring that has no room for what has to go through it: nothing is lost without
 * being counted, and the report claims less, in words. What a reader would get wrong: the leak is
 * still found, because its bytes are counted in a map; what is lost is the way to it through C.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { cellInfo, reportCompared, startWorkload } from '@sonde/vm-tests/kit';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

interface Report {
  readonly suspects: readonly {
    readonly class: string;
    readonly truncated: string | null;
    readonly frames: readonly { readonly function: string }[];
  }[];
  readonly verdict: { readonly sentence: string; readonly caveats: readonly string[] };
  readonly cost: {
    readonly hits: number;
    readonly unwinding: { readonly copies: number; readonly rules: number } | null;
  };
  readonly losses: { readonly total: Readonly<Record<string, number>> };
}

/** Statements a second that are forgotten: what an emulated processor has time for. */
const RATE = cellInfo().lane === 'host' ? 100 : 20;

/** Traces a program that leaks through sqlite for some seconds; returns the JSON and the text. */
async function traceLeak(name: string, words: readonly string[]): Promise<[Report, string]> {
  const workload = startWorkload('realc-stripped');
  try {
    await workload.next();
    workload.send(`leak ${RATE}`);
    const path = join(process.env['SONDE_OUT'] ?? '.', `trace-${name}.json`);
    const cli = process.env['SONDE_CLI'] ?? '';
    const args = [cli, 'trace', '--pid', String(workload.pid), '--duration', '8s', ...words];
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...args, '--min-age', '1s', '--max-overhead', 'off', '--json', path],
      { maxBuffer: 1 << 24 },
    );
    return [JSON.parse(readFileSync(path, 'utf8')) as Report, stdout];
  } finally {
    await workload.stop();
  }
}

/** The report's text with its lines joined: sentences are broken where the screen ends. */
const joined = (text: string): string => text.replace(/\s+/g, ' ');

t.test('a ring of one page: losses are counted, and the report claims less', async test => {
  const [report, text] = await traceLeak('tiny-ring', ['--ring-bytes', '4096']);
  const { stackLost = 0, ringFull = 0 } = report.losses.total;
  test.comment(`${stackLost} stacks lost, ${ringFull} records`);
  test.ok(stackLost > 0, 'copies of deep stacks have no room');
  const { sentence, caveats } = report.verdict;
  test.match(caveats.join(' '), /cgo-malloc lost something: .*stacks? (was|were) lost/);
  test.match(joined(text), /cgo-malloc lost something/, 'on the screen too');
  test.match(joined(text), /losses .*cgo-malloc stack lost/);
  test.match(sentence, /probably leaks/, 'it is not sure');
  const leaks = report.suspects.filter(each => each.class === 'c-leak');
  test.ok(leaks.length > 0, 'what leaks is found all the same');
  const cut = leaks.filter(each => each.truncated !== null);
  test.ok(cut.length > 0, 'and a stack that was lost does not pass for whole');
  for (const { truncated, frames } of cut) {
    test.match(joined(text), truncated ?? 'a reason');
    const names = frames.map(frame => frame.function);
    test.ok(names.includes('main.lookUpUser'), `it leads to Go: ${names.join(' < ')}`);
  }
  reportCompared(1 + leaks.length);
});

t.test('a ring as it is by default: nothing is lost, the copies are few and told', async test => {
  const [report, text] = await traceLeak('whole-ring', []);
  test.equal(report.losses.total['stackLost'], 0);
  const { copies = 0, rules = 0 } = report.cost.unwinding ?? {};
  // How long the burst is depends on the reader, which is a hundred times slower when emulated.
  const { hits } = report.cost;
  test.ok(copies > 0 && copies < hits / 2, `${copies} copies, ${hits} hits`);
  test.ok(rules > 0);
  test.match(joined(text), /unwinding [\d ]+ C stacks copied out, the others walked in the kernel/);
  test.notMatch(report.verdict.caveats.join(' '), /stacks? (was|were) lost/);
  const truncated = report.suspects.map(each => each.truncated ?? null);
  test.same(
    truncated.filter(each => each !== null),
    [],
    'every stack is whole',
  );
  reportCompared(2);
});
