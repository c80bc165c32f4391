// @ts-check
/**
 * Events per second from a program that allocates in C as fast as it can, and the processor time of
 * the consumer per event; against a C consumer with libbpf's ring reader and a notice per record.
 * What a reader would get wrong: the traps bound the rate, not the reader, so the consumer's time
 * is the figure to look at; and Sonde's records carry a stack, the C tool's only a time.
 */
import { alternate, row, summarize } from './measure.mjs';
import { cTool, hitPlaces, startPaced, withSonde } from './traced.mjs';

const ROUNDS = 5;
const PAIRS = 50_000;

/** Prints rate and consumer time of both. */
export async function live() {
  const paced = await startPaced();
  const { pid } = paced;
  const request = /** @type {const} */ ({ probe: 'cgo-malloc', mode: 'stream' });
  const places = await withSonde(pid, [request], async session => {
    await paced.roundNs('malloc', 100);
    return hitPlaces(session).filter(place => !place.returns);
  });
  const cpu = { c: /** @type {number[]} */ ([]), sonde: /** @type {number[]} */ ([]) };
  let lost = 0;
  const result = await alternate(ROUNDS, {
    c: async () => {
      const tool = await cTool('count', pid, places);
      await tool.next();
      const [, cpuBefore] = (await tool.ask('count')).split(' ').map(Number);
      const before = performance.now();
      await paced.roundNs('malloc', PAIRS);
      const [records, cpuAfter] = (await tool.ask('count')).split(' ').map(Number);
      const seconds = (performance.now() - before) / 1000;
      await tool.end();
      cpu.c.push((Number(cpuAfter) - Number(cpuBefore)) / Number(records));
      return Number(records) / seconds;
    },
    sonde: () =>
      withSonde(pid, [request], async session => {
        let records = 0;
        session.onEvents(() => records++);
        const cpuBefore = process.cpuUsage();
        const before = performance.now();
        await paced.roundNs('malloc', PAIRS);
        session.drain();
        const seconds = (performance.now() - before) / 1000;
        const { user, system } = process.cpuUsage(cpuBefore);
        session.refresh();
        const { ringFull } = session.losses();
        lost += ringFull;
        cpu.sonde.push(((user + system) * 1000) / records);
        return records / seconds;
      }),
  });
  row('live, C ring_buffer__poll', /** @type {any} */ (result['c']), 'events/s');
  row('  consumer', summarize(cpu.c), 'CPU ns/event');
  row('live, a session', /** @type {any} */ (result['sonde']), 'events/s');
  row('  consumer', summarize(cpu.sonde), 'CPU ns/event');
  console.log(`  records lost to a full ring: ${lost}`);
  await paced.end();
}
