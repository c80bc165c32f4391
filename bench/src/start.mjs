// @ts-check
/**
 * Time from starting the tracer to its first event, against a C tool of one uprobe over libbpf. The
 * target allocates all the while. What a reader would get wrong: both times are taken here, from
 * before the process is made to the line that it prints, so node's own start is part of ours.
 */
import { fileURLToPath } from 'node:url';
import { alternate, conversation, row } from './measure.mjs';
import { cTool, hitPlaces, startPaced, withSonde } from './traced.mjs';

const ROUNDS = 7;
const FIRST_EVENT = fileURLToPath(new URL('./first-event.mjs', import.meta.url));

/** Prints both times. */
export async function start() {
  const paced = await startPaced();
  const { pid } = paced;
  const places = await withSonde(pid, [{ probe: 'cgo-malloc' }], async session => {
    await paced.roundNs('malloc', 100);
    return hitPlaces(session).filter(place => !place.returns);
  });
  let busy = true;
  const storm = (async () => {
    while (busy) await paced.roundNs('malloc', 5000);
  })();
  /** @param {() => ReturnType<typeof conversation>} tracer */
  const timed = async tracer => {
    const before = performance.now();
    const child = await tracer();
    await child.next();
    const ms = performance.now() - before;
    await child.end();
    return ms;
  };
  const result = await alternate(ROUNDS, {
    c: () => timed(() => cTool('first', pid, places.slice(0, 1))),
    sonde: () => timed(() => conversation(process.execPath, [FIRST_EVENT, `${pid}`])),
  });
  busy = false;
  await storm;
  row('start to first event, C tool', /** @type {any} */ (result['c']), 'ms');
  row('start to first event, node and a session', /** @type {any} */ (result['sonde']), 'ms');
  await paced.end();
}
