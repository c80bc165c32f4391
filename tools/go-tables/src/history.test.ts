/** Rows, gaps and comparisons, from releases made up here. */
import t from 'tap';
import { changedRows, compareReleases, parseHistory, valuesAt } from './committed.js';
import {
  historyOf,
  type MeasuredRelease,
  splitVersion,
  unplaced,
  waitReasonHistory,
} from './history.js';
import { printLayouts } from './print.js';
import { printDocs } from './print-docs.js';
import { compareWitnesses } from './witness.js';
import { constantName } from './wanted.js';

type Fields = Readonly<Record<string, number>>;

/** A release with fields of x86_64 and, where given, others of arm64. */
function made(version: string, amd64: Fields, arm64: Fields = amd64): MeasuredRelease {
  const of = (fields: Fields) => ({ fields, constants: {}, waitReasons: ['', 'select'] });
  return { version, ...splitVersion(version), of: { x86_64: of(amd64), arm64: of(arm64) } };
}

const RELEASES = [
  made('go1.15', { 'g.m': 48, 'm.old': 8 }),
  made('go1.15.2', { 'g.m': 48, 'm.old': 8 }),
  made('go1.15.4', { 'g.m': 56, 'm.old': 8 }),
  made('go1.16', { 'g.m': 56, 'm.new': 16 }, { 'g.m': 56, 'm.new': 24 }),
];

t.test('a row stands where something changed, null where a release lacks it', async t => {
  t.same(historyOf(RELEASES, 'fields'), {
    'g.m': [
      ['1.15', 48, 48],
      ['1.15.4', 56, 56],
    ],
    'm.new': [['1.16', 16, 24]],
    'm.old': [
      ['1.15', 8, 8],
      ['1.16', null, null],
    ],
  });
  t.same(waitReasonHistory(RELEASES), [['1.15', ['', 'select']]]);
});

t.test('a move whose patch was not found is named', async t => {
  const history = historyOf(RELEASES, 'fields');
  t.same(unplaced(RELEASES, history), ['go1.15.4 moved fields, or a patch after go1.15.2 did']);
  const near = [...RELEASES.slice(0, 2), made('go1.15.3', { 'g.m': 48 }), ...RELEASES.slice(2)];
  t.same(unplaced(near, historyOf(near, 'fields')).length, 0);
});

t.test('what is printed is read back, and changes are said', async t => {
  const history = historyOf(RELEASES, 'fields');
  const again = parseHistory(printLayouts(RELEASES, history));
  t.same(again, history);
  t.same(valuesAt(again, '1.15.3', 'x86_64'), { 'g.m': 48, 'm.old': 8 });
  t.same(valuesAt(again, '1.16.0', 'arm64'), { 'g.m': 56, 'm.new': 24 });
  const more = historyOf([...RELEASES, made('go1.17', { 'g.m': 64 })], 'fields');
  t.same(changedRows(history, more), [
    '+ g.m since 1.17: 64 / 64',
    '+ m.new since 1.17: null / null',
  ]);
  t.same(['1.9', '1.15', '1.15.4'].sort(compareReleases), ['1.9', '1.15', '1.15.4']);
  t.match(printDocs(RELEASES, history), '| new |  | 16 / 24 |');
});

t.test('witnesses differ on a field, or one of them lacks a whole type', async t => {
  const { differences, alone, compared } = compareWitnesses(
    { 'g.m': 48, 'g.goid': 152, 'm.g0': 0 },
    { 'g.m': 48, 'g.goid': 160, 'm.g0': 0, 'p.id': 0, 'm.curg': 8 },
  );
  t.same(differences, [
    { field: 'g.goid', dwarf: 152, sources: 160 },
    { field: 'm.curg', dwarf: undefined, sources: 8 },
  ]);
  t.same([alone, compared], [['p'], 2]);
});

t.test('constants have one name in all releases, and odd versions are refused', async t => {
  t.equal(constantName('runtime.funcID_wrapper'), constantName('internal/abi.FuncIDWrapper'));
  t.equal(constantName('runtime._FUNCDATA_InlTree'), 'FUNCDATA_InlTree');
  t.throws(() => splitVersion('go1.27rc1'), /not of the form/);
});
