/** JUnit XML as a parser of XML that is not ours reads it. */
import { DOMParser, onWarningStopParsing } from '@xmldom/xmldom';
import t from 'tap';
import { junitXml } from './junit.js';
import { judgeSuite } from './verdict.js';

const LINES = [
  'TAP version 14',
  '# Subtest: stacks <of> "C" & Go',
  '    ok 1 - same\u0007 bell',
  '    not ok 2 - frames',
  '      ---',
  '      diff: "a < b && c > d"',
  '      ...',
  '    ok 3 - cookies # SKIP needs kernel 5.15',
  '    1..3',
  'not ok 1 - stacks <of> "C" & Go # time=1ms',
  '# compared 3',
  '1..1',
];

function read(lines: readonly string[], code: number | undefined) {
  const xml = junitXml(judgeSuite('probe-x', '5.10-amd64', lines, code), lines);
  const parser = new DOMParser({ onError: onWarningStopParsing });
  const document = parser.parseFromString(xml, 'text/xml');
  const suite = document.documentElement;
  if (!suite) throw new Error('the document is empty');
  const number = (name: string): number => Number(suite.getAttribute(name));
  return {
    name: suite.getAttribute('name'),
    counts: [number('tests'), number('failures'), number('skipped')],
    cases: Array.from(suite.getElementsByTagName('testcase')),
  };
}

t.test('leaves are cases, with what failed and why one was skipped', async t => {
  const { name, counts, cases } = read(LINES, 1);
  t.equal(name, 'probe-x in 5.10-amd64');
  t.strictSame(counts, [3, 1, 1]);
  const [same, frames, cookies] = cases;
  t.match(same?.getAttribute('name'), /^same bell/, 'XML cannot carry a bell');
  t.match(same?.getAttribute('classname'), /^probe-x\.5\.10-amd64\.stacks <of> "C" & Go/);
  t.match(frames?.getElementsByTagName('failure')[0]?.textContent, /a < b && c > d/);
  const skipped = cookies?.getElementsByTagName('skipped')[0];
  t.equal(skipped?.getAttribute('message'), 'needs kernel 5.15');
});

t.test('a guest that died is a failed case, though no assertion failed', async t => {
  const { counts, cases } = read(['TAP version 14', 'ok 1 - begun'], undefined);
  t.strictSame(counts[0], cases.length);
  const said = cases.map(each => each.getElementsByTagName('failure')[0]?.textContent ?? '');
  t.match(said.join('\n'), /it never ended/);
  t.ok((counts[1] ?? 0) > 0);
});
