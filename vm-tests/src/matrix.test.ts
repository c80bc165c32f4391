/** The committed matrix against its schema, and what selects cells. */
import { readFileSync } from 'node:fs';
import { goReleases } from '@sonde/toolchain';
import { Ajv } from 'ajv';
import t from 'tap';
import { buildsOf } from './releases.js';
import { allCells, packageRoot, readMatrix, selectCells, shardOf } from './matrix.js';

const schema = JSON.parse(readFileSync(`${packageRoot}matrix.schema.json`, 'utf8')) as object;
const validate = new Ajv({ allErrors: true, formats: { regex: true } }).compile(schema);
const matrix = readMatrix();

t.test('matrix.json fits its schema', async t => {
  t.ok(validate(JSON.parse(JSON.stringify(matrix))), JSON.stringify(validate.errors));
});

t.test('the schema refuses an unknown field, architecture and set', async t => {
  const [kernel] = matrix.kernels;
  for (const wrong of [
    { ...matrix, extra: 1 },
    { ...matrix, kernels: [{ ...kernel, set: 'slow' }] },
    { ...matrix, architectures: [{ ...matrix.architectures[0], name: 'riscv64' }] },
    { ...matrix, kernels: [] },
    { ...matrix, goReleases: ['go1.24'] },
    { ...matrix, builds: [] },
  ]) {
    t.notOk(validate(wrong));
  }
});

t.test('names are unique, and every pattern names its architecture', async t => {
  const names = allCells(matrix).map(c => c.name);
  t.equal(new Set(names).size, names.length);
  for (const kernel of matrix.kernels) t.match(kernel.package, /ARCH$/);
});

t.test(
  'every Go release of the matrix is pinned, and every build has a name of its own',
  async t => {
    t.strictSame(Object.keys(goReleases), matrix.goReleases);
    const builds = matrix.builds.map(build => build.name);
    t.equal(new Set(builds).size, builds.length);
    for (const release of matrix.goReleases) {
      t.strictSame(buildsOf(matrix, 'full', release), matrix.builds);
      const fast = buildsOf(matrix, 'fast', release).length;
      t.ok(fast > 0 && fast < builds.length, `${fast} builds of ${release}`);
    }
  },
);

t.test('cells are selected by name, kernel, architecture and set', async t => {
  const names = (...words: string[]): string[] => selectCells(matrix, words).map(c => c.name);
  const [kernel] = matrix.kernels;
  const [arch] = matrix.architectures;
  const cell = `${kernel?.name}-${arch?.name}`;
  t.strictSame(names(cell), [cell]);
  t.equal(names(kernel?.name ?? '').length, matrix.architectures.length);
  t.equal(names(arch?.name ?? '').length, matrix.kernels.length);
  t.strictSame(names('full'), names(...matrix.architectures.map(a => a.name)));
  t.ok(names('fast').length > 0 && names('fast').length <= names('full').length);
  t.throws(() => names('4.19'), { message: /no cell 4\.19; there are / });
});

t.test(
  'a wider set has the cells of the narrower ones, and shards have each cell once',
  async t => {
    const [first, second, third, ...rest] = matrix.kernels;
    if (!first || !second || !third) throw new Error('the matrix has fewer than three kernels');
    const kernels = [
      { ...first, set: 'fast' } as const,
      { ...second, set: 'full' } as const,
      { ...third, set: 'nightly' } as const,
      ...rest.map(kernel => ({ ...kernel, set: 'nightly' }) as const),
    ];
    const sets = { ...matrix, kernels };
    const count = (word: string): number => selectCells(sets, [word]).length;
    const wide = matrix.architectures.length;
    t.strictSame([count('fast'), count('full')], [wide, 2 * wide]);
    t.equal(count('nightly'), allCells(sets).length);
    t.equal(count('all'), allCells(sets).length);
    const all = allCells(matrix);
    const shards = [1, 2, 3].map(k => shardOf(all, `${k}/3`));
    t.strictSame(shards[0]?.slice(0, 2), [all[0], all[3]]);
    t.strictSame(new Set(shards.flat()), new Set(all));
    t.equal(shards.flat().length, all.length);
    for (const wrong of ['0/2', '3/2', '2', 'a/b']) t.throws(() => shardOf(all, wrong), RangeError);
  },
);
