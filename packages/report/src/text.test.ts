/**
 * The page, line by line, as a person sees it. To update after a wanted change: read the diff that
 * the failing test prints, and copy the lines that you agree with.
 */
import stringWidth from 'string-width';
import t from 'tap';
import { buildReport } from './build-report.js';
import { Screen, wrap } from './screen.js';
import { point, sampleInput, sampleObservation } from './testing/sample-input.js';
import { writeText } from './text.js';

const page = (width: number, input = sampleInput(), colour = false) =>
  writeText(buildReport(input), { width, colour });

t.test('the page of a leak, 80 columns', async t => {
  t.same(page(80).split('\n'), [
    'sonde  pid 4242  /srv/app  go1.26.8  x86_64  cgo',
    '       traced for 20 s, kernel 6.12.48',
    '',
    'C LEAK       C memory leaks at 1 MiB/s: leak_node, called from Go main.handle,',
    '             holds 20 MiB that it allocated within 20 s and did not free.',
    '  next       Look for the missing free of what leak_node (c/leak.c:42)',
    '             allocates, on the path from main.handle (src/main.go:30).',
    '',
    'SUSPECT 1 of 1   c-leak   20 MiB held   +1 MiB/s',
    '  held       ▁▁▂▂▂▃▃▃▄▄▅▅▅▆▆▆▇▇▇██ 0 B → 20 MiB',
    '  age        15 MiB in 3 841 blocks older than 5 s; the oldest 20 s',
    '  blocks     5 120 blocks held; 5 240 were allocated and 120 freed in the window',
    '  memory     100 % of its pages are resident; 20 MiB became resident in this',
    '             window',
    '  touched by leak_node, typically 4 µs after the allocation',
    '  stack      C   leak_node               c/leak.c:42',
    '             C   grow_list (inlined)     c/leak.c:60',
    '             Go  main.handle             src/main.go:30',
    '             Go  net/http.(*conn).serve  http/server.go:2092',
    '',
    'MEMORY',
    '                              start        end     growth',
    '  RSS                        32 MiB     60 MiB    +28 MiB   ▁▁▂▂▂▃▃▄▄▄▅▅▅▆▆▇▇▇██',
    '    anonymous                20 MiB     48 MiB    +28 MiB   ▁▁▂▂▂▃▃▄▄▄▅▅▅▆▆▇▇▇██',
    '    mapped files             12 MiB     12 MiB        0 B   ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁',
    '  C heap, since attach          0 B     28 MiB    +28 MiB   ▁▁▂▂▂▃▃▄▄▄▅▅▅▆▆▇▇▇██',
    '  Go heap in use              8 MiB      8 MiB        0 B   ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁',
    '  Go stacks                 512 KiB    512 KiB        0 B   ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁',
    '  not explained                                       0 B',
    '',
    'ALSO HOLDING   not accused',
    '      8 MiB   cache_put, from main.warm: took most of it early and then stopped,',
    '             as a cache that fills or a warm-up does',
    '',
    'PROBES',
    '  cgo-malloc  15 360 hits; malloc, mallocReturn, free by uprobe at entry',
    '              (emulated)',
    '  mallocgc    10 240 hits; large by alloc-large-call, uprobe at the call',
    '              (emulated); free by free-span-entry, uprobe at entry (emulated)',
    '              limits: the collector sweeps lazily',
    '  pagefault   7 168 hits; fault by kprobe',
    '              limits: repeats of one fault are told by the last address of the',
    '              thread',
    '',
    'COST',
    '  tracing     32 768 hits cost the target about 40 ms, 2.1 % of its CPU; a hit',
    '              costs: emulated 900 ns, kernel 400 ns',
    '  unwinding   213 C stacks copied out, the others walked in the kernel by 1 700',
    '              rules',
    '  losses      none',
    '',
    'NOT KNOWN',
    '  - what C memory was held before the trace began; 300 blocks of that time were',
    '    freed during it',
    '',
  ]);
});

t.test('frames of cgo are folded, unless raw stacks are wanted', async t => {
  const report = buildReport(sampleInput());
  const folded = writeText(report, { width: 80, colour: false });
  t.notMatch(folded, /_Cfunc_/);
  const raw = writeText(report, { width: 80, colour: false, rawStacks: true });
  t.match(raw, /Go {2}main\._Cfunc_leak_node/);
});

t.test('no line is wider than the terminal', async t => {
  for (const width of [60, 72, 80, 100, 120]) {
    const wide = page(width)
      .split('\n')
      .filter(line => stringWidth(line) > width);
    t.same(wide, [], `${width} columns`);
  }
});

t.test('what is to be known of names is said: deleted files, refused debug files', async t => {
  const said = '/srv/libx.so was deleted since it was mapped; names come from the mapped file';
  const lines = page(100, { ...sampleInput(), names: [said] }).split('\n');
  const at = lines.indexOf('NAMES');
  t.same(lines.slice(at, at + 2), ['NAMES', `  - ${said}`]);
  t.notOk(page(100).includes('NAMES'), 'a heading with nothing below it is left out');
});

t.test('colour is only where it is asked for, and changes nothing but colour', async t => {
  const escapes = /\u001b\[[0-9;]*m/g;
  t.notMatch(page(80), escapes);
  const coloured = page(80, sampleInput(), true);
  t.match(coloured, escapes);
  t.equal(coloured.replace(escapes, ''), page(80));
});

t.test('what lowers the claim stands under the verdict, and under the probe it is of', async t => {
  const malloc = point('malloc', { detachedAtNs: 14e9, detachReason: 'overhead 13 % of 10 %' });
  const valloc = point('valloc', {
    need: 'optional',
    attached: false,
    error: 'no such symbol',
    sites: [],
  });
  const seen = sampleObservation({
    probes: [{ name: 'cgo-malloc', mode: 'aggregate', points: [malloc, valloc, point('free')] }],
    losses: {
      'cgo-malloc': {
        ringFull: 0,
        mapFull: 0,
        stackLost: 7,
        unpaired: 0,
        probeMissed: 0,
        readFailed: 0,
      },
    },
  });
  const text = page(120, sampleInput(seen));
  t.match(text, /C LEAK +C memory probably leaks/);
  t.match(text, /but +malloc was taken off after 14 s \(overhead 13 % of 10 %\)/);
  t.match(text, /but +cgo-malloc is not attached to valloc/);
  t.match(text, /not attached: valloc \(no such symbol\)/);
  t.match(text, /losses +cgo-malloc stack lost 7/);
});

t.test('a clean program: the page says what was looked at, and accuses nobody', async t => {
  const seen = sampleObservation();
  const cHeap = {
    ...seen.cHeap!,
    live: { ...seen.cHeap!.live, stack: seen.cHeap!.live.stack.map(() => 1) },
  };
  const quiet = cHeap.held.map(look => ({
    ...look,
    heldBytes: Float64Array.of(0, 8 * 1024 * 1024),
  }));
  const memory = seen.memory.map(sample => ({ ...seen.memory[5]!, atNs: sample.atNs }));
  const text = page(100, sampleInput({ ...seen, memory, cHeap: { ...cHeap, held: quiet } }));
  t.match(text, /^NO LEAK +No leak: RSS stayed within 0 B over 20 s/m);
  t.notMatch(text, /SUSPECT/);
  t.match(text, /ALSO HOLDING/);
});

t.test('no answer is not dressed as a clean verdict', async t => {
  const silent = { sites: [{ location: 'malloc', costClass: 'emulated', hits: 0 }] };
  const seen = sampleObservation({
    probes: [
      {
        name: 'cgo-malloc',
        mode: 'aggregate',
        points: [point('malloc', silent), point('free', silent)],
      },
    ],
  });
  const text = page(
    100,
    sampleInput({ ...seen, cHeap: { ...seen.cHeap!, brkGrowthBytes: 9 << 20 } }),
  );
  t.match(text, /^NO ANSWER +The trace saw nothing where there was something to see/m);
});

t.test('sparklines keep the shape, words wrap at the width, ASCII where asked', async t => {
  const screen = new Screen({ width: 80, colour: false });
  t.equal(screen.spark([0, 1, 2, 3, 4, 5, 6, 7], 8), '▁▂▃▄▅▆▇█');
  t.equal(screen.spark([0, 0, 0, 7], 2), '▁█');
  t.equal(screen.spark([5, 5, 5], 9), '▁▁▁');
  t.equal(screen.spark([], 9), '');
  t.equal(new Screen({ width: 80, colour: false, unicode: false }).spark([0, 7], 9), '_#');
  t.same(wrap('one two three', 7), ['one two', 'three']);
  t.same(wrap('averylongword x', 5), ['averylongword', 'x']);
});
