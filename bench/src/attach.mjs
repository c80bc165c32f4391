// @ts-check
/**
 * Time to attach and to detach 50 user probes: one uprobe_multi link where the kernel has it,
 * against 50 perf-event links of a C tool, whose detaching is the end of its process. What a reader
 * would get wrong: detaching is the slow half, since the kernel waits for every CPU once per link.
 */
import { closeFdAsync, createUprobeMultiLink } from '@sonde/core/libbpf';
import { CountingProgram, feature } from '@sonde/core/loader';
import { openElf, openFileReader } from '@sonde/symbols';
import { alternate, row, summarize } from './measure.mjs';
import { cTool, startPaced } from './traced.mjs';

const ROUNDS = 5;
const PROBES = 50;
const GOAL_MS = 30;
const STT_FUNC = 2;

/** Offsets of functions of package fmt in the executable, which has enough of them. */
function functionOffsets(/** @type {string} */ exe) {
  const reader = openFileReader(exe);
  const elf = openElf(reader);
  const addresses = new Set(
    elf
      .symbols()
      .filter(symbol => symbol.type === STT_FUNC && symbol.name.startsWith('fmt.'))
      .map(symbol => symbol.value),
  );
  const offsets = [...addresses].map(address => elf.vaddrToOffset(address) ?? 0).slice(0, PROBES);
  reader.close();
  if (offsets.length < PROBES) throw new Error(`attach ${PROBES} probes: ${offsets.length} found`);
  return offsets;
}

/** Prints both. */
export async function attach() {
  const paced = await startPaced();
  const { pid, exe } = paced;
  const fileOffsets = functionOffsets(exe);
  const places = fileOffsets.map(fileOffset => ({ file: exe, fileOffset, returns: false }));
  /** @type {Record<string, number[]>} */
  const attaching = { c: [], multi: [] };
  const hasMulti = (await feature('uprobeMulti')).available;
  const result = await alternate(ROUNDS, {
    c: async () => {
      const tool = await cTool('hold', pid, places);
      await tool.next();
      const before = performance.now();
      await tool.end();
      return performance.now() - before;
    },
    ...(hasMulti
      ? {
          multi: async () => {
            const program = new CountingProgram('uprobeMulti');
            const before = performance.now();
            const fd = createUprobeMultiLink({
              ...{ programFd: program.fd, path: exe, fileOffsets, pid, returns: false },
              cookies: fileOffsets.map((_, index) => BigInt(index)),
            });
            const attached = performance.now();
            await closeFdAsync(fd);
            const detached = performance.now();
            program.close();
            attaching['multi']?.push(attached - before);
            return detached - attached;
          },
        }
      : {}),
  });
  row(`detach ${PROBES}, C tool of perf-event links`, /** @type {any} */ (result['c']), 'ms');
  const multi = result['multi'];
  if (multi === undefined) {
    console.log('  one uprobe_multi link: skipped, the kernel has none (6.6)');
  } else {
    row(`attach ${PROBES}, one uprobe_multi link`, summarize(attaching['multi'] ?? []), 'ms');
    const goal = { value: multi.median, goal: GOAL_MS, what: 'ms' };
    row(`detach ${PROBES}, one uprobe_multi link`, multi, 'ms', goal);
  }
  await paced.end();
}
