/** Points that share a link: giving one up, keeping the others. */
import t from 'tap';
import type { UserPlace } from '../loader/index.js';
import { HeldLinks } from './held-links.js';

function place(siteId: number): UserPlace {
  return { file: '/f', fileOffset: 16 * siteId, siteId };
}

function record(): { attached: number[][]; closed: number; fail: boolean; links: HeldLinks } {
  const members = new Map([
    ['a', [place(0), place(1)]],
    ['b', [place(2)]],
  ]);
  const state = { attached: [] as number[][], closed: 0, fail: false };
  const attach = (places: readonly UserPlace[]) => {
    if (state.fail) throw new Error('attach: no');
    state.attached.push(places.map(each => each.siteId));
    return [{ close: async () => void state.closed++ }];
  };
  const links = new HeldLinks(attach([...members.values()].flat()), members, attach);
  return Object.assign(state, { links });
}

t.test('what was not withdrawn is attached again', async t => {
  const state = record();
  state.links.withdraw(new Set(['a']));
  await state.links.close();
  t.same(state.links.restore(), { lost: [], reason: '' });
  t.same(state.attached, [[0, 1, 2], [2]]);
  await state.links.close();
  await state.links.close();
  t.equal(state.closed, 2);
});

t.test('nothing is attached for nobody', async t => {
  const state = record();
  state.links.withdraw(new Set(['a', 'b', 'foreign']));
  await state.links.close();
  t.same(state.links.restore(), { lost: [], reason: '' });
  t.equal(state.attached.length, 1);
});

t.test('what cannot be attached again is named', async t => {
  const state = record();
  state.links.withdraw(new Set(['b']));
  await state.links.close();
  state.fail = true;
  t.same(state.links.restore(), { lost: ['a'], reason: 'attach: no' });
});
