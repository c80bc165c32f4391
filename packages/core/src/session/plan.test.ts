/** Which alternatives are left, without a kernel or a target: both are played by the test. */
import t from 'tap';
import { UnsupportedError, UsageError } from '../errors.js';
import { Features } from '../loader/index.js';
import {
  cFunction,
  defineProbe,
  event,
  kprobe,
  param,
  point,
  toIr,
  u32,
  u64,
  type AttachIr,
} from '../schema/index.js';
import type { AttachLocation } from '../target/index.js';
import { plannedPrograms, planProbe, userPrograms } from './plan.js';
import type { ProbeRequest, SessionTarget } from './session-types.js';

const IR = toIr(
  defineProbe({
    name: 'sample',
    about: 'Attach points of all sorts.',
    events: { seen: event('Something was seen.', { value: u64('a value') }) },
    params: { deep: param(u32(), { default: 0, about: 'whether to look deeper' }) },
    attach: [
      point('memalign', {
        about: 'one name of a function',
        oneOf: [cFunction('memalign', { program: 'on_alloc' })],
      }),
      point('aligned', {
        about: 'another name of the same',
        oneOf: [cFunction('aligned_alloc', { program: 'on_alloc' })],
      }),
      point('fault', {
        about: 'in the kernel, else in user space',
        oneOf: [
          kprobe('handle_mm_fault', { program: 'on_kernel', name: 'by-kprobe' }),
          cFunction('touch', { program: 'on_touch', name: 'by-function' }),
          cFunction('missing', { program: 'on_missing', name: 'by-nothing' }),
        ],
      }),
    ],
  }),
);

const OFFSETS: Readonly<Record<string, number>> = { memalign: 16, aligned_alloc: 16, touch: 32 };

function place(fileOffset: number, symbol: string): AttachLocation {
  const address = BigInt(fileOffset);
  const rest = { instruction: 'push rbp', costClass: 'emulated', module: 'libc' } as const;
  return { file: '/libc', fileOffset, address, symbol, ...rest };
}

const TARGET: SessionTarget = {
  info: { pid: 1 },
  config: () => ({}),
  cpuNs: () => 0,
  close: () => undefined,
  refreshMaps: () => undefined,
  exited: () => Promise.resolve(),
  resolve: (attach: AttachIr) => {
    const symbol = 'symbol' in attach ? attach.symbol : '';
    const offset = OFFSETS[symbol];
    // Twice, as a symbol table with two entries of one name would give it.
    return offset === undefined ? [] : [place(offset, symbol), place(offset, symbol)];
  },
};

const FEATURES = await Features.ask({ kprobe: false, perfUprobe: true });

function plan(request: Partial<ProbeRequest> = {}, features = FEATURES) {
  const module = { ir: IR, events: {}, maps: {}, objectBase: new URL('file:///') };
  return planProbe({ module, ...request }, TARGET, features);
}

t.test('alternatives that cannot work are kept with their reason', async t => {
  const fault = plan()[2];
  t.same(
    fault?.candidates.map(each => each.attach.name),
    ['by-function'],
  );
  t.same(
    fault?.failures.map(each => each.alternative),
    ['by-kprobe', 'by-nothing'],
  );
  t.type(fault?.failures[0]?.error, UnsupportedError);
  t.match(fault?.failures[1]?.reason, /no such place/);
});

t.test('the order of the schema is the order of trying', async t => {
  const features = await Features.ask({ kprobe: true, perfUprobe: true });
  const fault = plan({}, features)[2];
  t.same(
    fault?.candidates.map(each => each.attach.name),
    ['by-kprobe', 'by-function'],
  );
});

t.test('a place is probed once, whatever its names', async t => {
  const [first, second] = plan();
  t.equal(first?.candidates[0]?.locations.length, 1);
  t.equal(first?.candidates[0]?.isAlias, undefined);
  t.equal(second?.candidates[0]?.isAlias, true);
  t.same(second?.candidates[0]?.locations, []);
});

t.test('only programs that may be attached are loaded', async t => {
  t.same([...plannedPrograms(plan())].sort(), ['on_alloc', 'on_touch']);
  const features = await Features.ask({ kprobe: true, perfUprobe: true });
  t.same([...plannedPrograms(plan({}, features))].sort(), ['on_alloc', 'on_kernel', 'on_touch']);
  t.notOk(userPrograms(plan({}, features)).has('on_kernel'));
});

t.test('a choice narrows the list', async t => {
  const only = plan({ attach: { fault: 'by-kprobe' } })[2];
  t.same(only?.candidates, []);
  t.equal(only?.failures.length, 1, 'what was chosen cannot work, and nothing else is tried');
  const any = plan({ attachAny: ['by-function', 'elsewhere'] })[2];
  t.same(any?.failures, []);
  t.equal(plan({ skipPoints: ['fault'] }).length, 2);
});

t.test('names that the probe does not have are refused', async t => {
  t.throws(() => plan({ attach: { fault: 'by-magic' } }), UsageError);
  t.throws(() => plan({ attach: { nothing: 'by-kprobe' } }), UsageError);
  t.throws(() => plan({ skipPoints: ['nothing'] }), {
    message: /it has only memalign, aligned, fault$/,
  });
});
