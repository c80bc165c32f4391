/** Where tests run, by what flags, environment and tasks say. */
import t from 'tap';
import { readMatrix } from './matrix.js';
import { hasPlace, joinPlaces, placesOf, type PlanEntry, type Places } from './plan.js';

const matrix = readMatrix();
type Wish = Omit<PlanEntry, 'folder'>;
const places = (entry: Wish, env: NodeJS.ProcessEnv = {}): Places => placesOf(matrix, entry, env);
const names = ({ cells }: Places): string[] => cells.map(cell => cell.name);

t.test('a lane leaves the other out, and the environment speaks where no flag does', async t => {
  t.match(places({}), { host: 'auto' });
  t.ok(names(places({})).length > 0);
  t.match(places({ lane: 'guest' }), { host: 'never' });
  t.strictSame(places({ lane: 'host' }), { cells: [], host: 'must' });
  t.strictSame(places({}, { SONDE_LANE: 'host' }), { cells: [], host: 'must' });
  t.strictSame(names(places({}, { SONDE_CELLS: '6.1-arm64' })), ['6.1-arm64']);
  t.strictSame(names(places({ cells: '6.1-amd64' }, { SONDE_CELLS: '5.10' })), ['6.1-amd64']);
  t.throws(() => places({ lane: 'moon' }), { name: 'UsageError', message: /no lane moon/ });
});

t.test('an optional host must work only where the environment asks for it', async t => {
  const wish = { lane: 'host', optional: true };
  t.equal(places(wish).host, 'auto');
  t.equal(places(wish, { SONDE_LANE: 'host' }).host, 'must');
});

t.test('places are joined in the order of the matrix', async t => {
  const one = places({ cells: '6.12-arm64', lane: 'guest' });
  const two = places({ cells: '5.10-amd64,6.12-arm64', lane: 'guest' });
  const all = joinPlaces(matrix, [one, two, places({ lane: 'host', optional: true })]);
  t.strictSame(names(all), ['5.10-amd64', '6.12-arm64']);
  t.equal(all.host, 'auto');
  t.strictSame(
    ['5.10-amd64', '6.12-arm64', 'host'].map(place => hasPlace(one, place)),
    [false, true, false],
  );
  t.ok(hasPlace(all, 'host'));
});
