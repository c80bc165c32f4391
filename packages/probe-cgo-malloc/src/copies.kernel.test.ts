/**
 * The bound on stacks that go to user space because no rule is known for them. What a reader would
 * get wrong: what is above the bound is no event that is lost. The allocation is reported, its
 * stack says that its C frames are lost, and each is counted.
 */
import { cpus } from 'node:os';
import { openTarget } from '@sonde/core/target';
import { StackSymbolizer } from '@sonde/core/stacks';
import { reportCompared, startWorkload } from '@sonde/vm-tests/kit';
import t from 'tap';
import { end, trace } from './testing/traced.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

const ROUNDS = 12;
const WINDOW_MS = 100;
const LOST = 'the frames of C code were lost';

t.test('copies above the bound are lost stacks: counted, marked, and few go through', async t => {
  const began = performance.now();
  const traced = await trace(startWorkload('nested'), {
    request: { mode: 'stream' },
    session: { stackCopiesMax: 1 },
  });
  t.teardown(() => end(traced));
  const { session, workload, events } = traced;
  workload.send(`take ${ROUNDS}`);
  for (let line = await workload.next(); line['event'] !== 'taken'; line = await workload.next()) {
    if (line['event'] !== 'took') t.fail(JSON.stringify(line));
  }
  session.drain();
  session.refresh();
  const stacks = events.flatMap(({ name, fields }) =>
    name === 'alloc' || name === 'realloc' ? [session.readStack(fields['stack'] as bigint)] : [],
  );
  const lost = stacks.filter(({ truncated }) => truncated === LOST);
  t.ok(lost.length > ROUNDS, `${lost.length} of ${stacks.length} stacks are lost`);
  t.equal(session.losses().stackLost, lost.length, 'and each is counted');
  t.match(session.losses(), { ringFull: 0, malformed: 0 });

  const copies = session.unwinding()?.copies ?? 0;
  const windows = Math.ceil((performance.now() - began) / WINDOW_MS) + 1;
  t.ok(copies > 0 && copies <= windows * cpus().length, `${copies} copies in ${windows} windows`);

  const target = await openTarget(workload.pid);
  t.teardown(() => target.close());
  const symbolizer = new StackSymbolizer(target);
  const goFrames = lost.filter(({ pcs }) =>
    symbolizer.symbolize(pcs).some(frame => frame.function === 'main.takeAll'),
  );
  t.ok(goFrames.length > 0, `${goFrames.length} lost stacks still lead to the Go code`);
  t.ok(
    lost.every(({ pcs }) => pcs.length > 0),
    'the innermost C address is known',
  );
  reportCompared(stacks.length);
});
