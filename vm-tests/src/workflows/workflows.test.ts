/**
 * The workflow files: fresh, naming targets that exist, and with commands that run here.
 *
 * What a reader would get wrong: the commands that take minutes (guests, every unit test) are not
 * started here but by `.ci/run`, which runs the cells of ci.yml as a machine of the service would.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { parse } from 'yaml';
import { workspaceRoot } from '../surroundings.js';
import { allCells, readMatrix, selectCells, shardOf } from '../matrix.js';
import { workflowFiles } from './files.js';
import { localSteps, preparesMachine, runLocally } from './local-run.js';
import type { WorkflowJob } from './model.js';
import { shardsOf } from './shards.js';

t.setTimeout(180_000);

/** As much as is read of what `nx graph --print` prints. */
interface ProjectGraph {
  readonly nodes: Readonly<
    Record<string, { readonly data: { readonly targets?: Readonly<Record<string, unknown>> } }>
  >;
}

const matrix = readMatrix();
const files = workflowFiles(matrix);

t.test('the committed files are those of this matrix', async t => {
  for (const [path, text] of Object.entries(files)) {
    const full = join(workspaceRoot, path);
    const is = existsSync(full) ? readFileSync(full, 'utf8') : '';
    t.equal(is, text, `${path} is fresh; npx nx run vm-tests:workflows writes it`);
  }
});

t.test('shards deal every cell once, each to a machine of its own architecture', async t => {
  for (const cells of [selectCells(matrix, ['fast']), allCells(matrix)]) {
    const shards = shardsOf(cells);
    t.same(shards.flatMap(each => each.cells).sort(), cells.map(each => each.name).sort());
    for (const { shard, architecture, cells: names } of shards) {
      t.same(
        shardOf(cells, shard).map(each => each.name),
        names,
        `--shard ${shard}`,
      );
      t.ok(names.every(name => name.endsWith(`-${architecture.name}`)));
    }
  }
  const lonely = allCells(matrix).slice(0, 3);
  t.equal(shardsOf(lonely).length, 2, 'an architecture with fewer kernels fits too');
});

t.test('one more kernel is in the nightly workflow, and in the other when it is fast', async t => {
  const [kernel] = matrix.kernels;
  if (kernel === undefined) throw new Error('read matrix: there are no kernels');
  const with_ = (set: 'fast' | 'full') =>
    workflowFiles({ ...matrix, kernels: [...matrix.kernels, { ...kernel, name: '9.9', set }] });
  const has = (all: Record<string, string>): boolean[] =>
    Object.values(all).map(text => text.includes('9.9-arm64'));
  t.same(has(with_('fast')), [true, true]);
  t.same(has(with_('full')), [false, true]);
});

t.test('actions are pinned to a release, and no step may fail unseen', async t => {
  for (const text of Object.values(files)) {
    const { jobs, defaults } = parse(text) as {
      jobs: Record<string, WorkflowJob>;
      defaults: { run: { shell: string } };
    };
    t.equal(defaults.run.shell, 'bash', 'with pipefail');
    for (const step of Object.values(jobs).flatMap(each => each.steps)) {
      if (step.uses !== undefined) t.match(step.uses, /^actions\/[\w/-]+@v\d+\.\d+\.\d+$/);
    }
    t.notMatch(text, /continue-on-error|\|\| true/);
  }
});

t.test('every target that a command names exists', async t => {
  const commands = Object.values(files).flatMap(text => localSteps(text).map(s => s.command));
  const named = new Set(
    commands.flatMap(c => {
      const many = /nx run-many -t ([\w ]+?)(?: --|$)/.exec(c)?.[1]?.split(' ') ?? [];
      return [...many, ...[...c.matchAll(/nx run [\w-]+:([\w-]+)/g)].map(m => m[1] ?? '')];
    }),
  );
  t.ok(named.size >= 8, [...named].join());
  const args = ['nx', 'graph', '--print'];
  const { stdout } = await execa('npx', args, { cwd: workspaceRoot });
  const { graph } = JSON.parse(stdout) as { graph: ProjectGraph };
  const targets = Object.values(graph.nodes).flatMap(node => Object.keys(node.data.targets ?? {}));
  for (const target of named) t.ok(targets.includes(target), `some project has ${target}`);
});

t.test('the steps that only a machine of the service can run are these', async t => {
  const left = Object.values(files).flatMap(text => localSteps(text).filter(preparesMachine));
  const ids = [...new Set(left.map(each => each.id))].sort();
  t.same(ids, ['machine-everything', 'machine-git', 'machine-packages']);
});

t.test('the key of the images is a digest of what the cache holds', async t => {
  const [step] = localSteps(files['.github/workflows/ci.yml'] ?? '', ['check']).filter(
    each => each.id === 'content',
  );
  if (step === undefined) throw new Error('read ci.yml: no step content');
  const once = await runLocally([step], workspaceRoot);
  t.match(once.results, [{ exitCode: 0 }]);
  t.match(once.outputs, /^key=images-[A-Z0-9]+-[0-9a-f]{20}\n$/);
});

const TOY = `
jobs:
  one:
    strategy: {matrix: {include: [{word: a}, {word: b}]}}
    steps:
      - {uses: actions/checkout@v6.0.2}
      - {name: prepare, id: machine-x, run: 'echo \${{ secrets.anything }}'}
      - {name: say, run: 'echo \${{ matrix.word }} | tee -a "$GITHUB_STEP_SUMMARY"'}
      - {name: fail, run: 'false | cat'}
`;

t.test('a workflow runs row by row; a failure before a pipe is a failure', async t => {
  const steps = localSteps(TOY).filter(step => !preparesMachine(step));
  const { results, summary } = await runLocally(steps, workspaceRoot);
  t.same(
    results.map(each => [each.name, each.exitCode, each.output]),
    [
      ['say', 0, 'a'],
      ['fail', 1, ''],
      ['say', 0, 'b'],
      ['fail', 1, ''],
    ],
  );
  t.equal(summary, 'a\nb\n');
  t.throws(() => localSteps(TOY, ['two']), { message: /no job two/ });
  t.throws(() => localSteps(TOY.replace('matrix.word', 'github.actor')), {
    message: /unknown expression github\.actor/,
  });
});
