/**
 * What a GitHub workflow is, as far as ours use it, and the jobs that they are made of.
 *
 * The fact readers get wrong: every job runs in a container of the Debian that tools/setup knows,
 * because the machines of the service are Ubuntu, whose apt knows no Debian mirror. The container
 * is privileged, so that its root may open /dev/kvm where the machine has one, and load BPF
 * programs; a rule of udev would change the machine and not the container.
 */
import type { Cell, Matrix } from '../matrix.js';
import { shardsOf } from './shards.js';

/** A step: an action or a command. Steps whose id starts with `machine-` prepare the machine. */
export interface WorkflowStep {
  readonly name: string;
  readonly id?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string | number | boolean>>;
  readonly run?: string;
}

/** A job, as a workflow file has it. */
export interface WorkflowJob {
  readonly name: string;
  readonly needs?: string;
  readonly if?: string;
  readonly 'runs-on': string;
  readonly 'timeout-minutes': number;
  readonly container: { readonly image: string; readonly options: string };
  readonly strategy?: {
    readonly 'fail-fast': false;
    readonly matrix: { readonly include: readonly Readonly<Record<string, string>>[] };
  };
  readonly steps: readonly WorkflowStep[];
}

/** Actions by exact release: a tag of a major version moves. */
const ACTIONS = {
  checkout: 'actions/checkout@v6.0.2',
  node: 'actions/setup-node@v6.4.0',
  restore: 'actions/cache/restore@v5.0.5',
  save: 'actions/cache/save@v5.0.5',
  upload: 'actions/upload-artifact@v6.0.0',
  download: 'actions/download-artifact@v7.0.0',
} as const;

/** Fetched packages, guests' images and compiled workloads; see tools/toolchain/src/cache.ts. */
const IMAGES = ['~/.cache/sonde', '!~/.cache/sonde/scratch'].join('\n');
/** What Nx remembers of targets that passed: their outputs, and its database of them. */
const TARGETS = ['.nx/cache', '.nx/workspace-data/*.db*'].join('\n');
/** Results that the report is folded from, and what explains a failure. */
const RESULTS = [
  'packages/*/out/cells',
  'packages/*/out/tap',
  'packages/*/out/junit',
  'vm-tests/out/**/console.log',
].join('\n');

/** Names of entries are digests of what they are made from: their list is the cache's content. */
const CONTENT_KEY = [
  'mkdir -p ~/.cache/sonde',
  'cd ~/.cache/sonde',
  "digest=$(find . -mindepth 2 -maxdepth 2 -not -name '.tmp-*' -not -path './apt/*' \\",
  "  -not -path './scratch/*' | sort | sha256sum | cut -c 1-20)",
  'echo "key=images-${{ runner.arch }}-$digest" >> "$GITHUB_OUTPUT"',
].join('\n');

const GIT = [
  'apt-get update',
  'apt-get install -y --no-install-recommends ca-certificates git xz-utils zstd',
  // Nx opens the database of the machine's own ID only, and each container would have another.
  'echo sonde | md5sum | cut -c 1-32 > /etc/machine-id',
].join('\n');

/** Fetches the sources and makes the machine able to build and boot. */
function machineSteps(): WorkflowStep[] {
  return [
    {
      name: 'git, which the checkout needs',
      id: 'machine-git',
      run: GIT,
    },
    { name: 'sources', uses: ACTIONS.checkout },
    { name: 'Node', uses: ACTIONS.node, with: { 'node-version': 20, cache: 'npm' } },
    {
      name: 'images, packages and workloads of earlier runs',
      id: 'images',
      uses: ACTIONS.restore,
      with: {
        path: IMAGES,
        key: 'images-${{ runner.arch }}-none',
        'restore-keys': 'images-${{ runner.arch }}-',
      },
    },
    {
      name: 'targets of earlier runs',
      uses: ACTIONS.restore,
      with: {
        path: TARGETS,
        key: 'nx-${{ runner.arch }}-${{ github.job }}-${{ github.sha }}',
        'restore-keys': 'nx-${{ runner.arch }}-${{ github.job }}-\nnx-${{ runner.arch }}-',
      },
    },
    {
      name: 'packages of Debian and npm',
      id: 'machine-packages',
      run: 'git config --global --add safe.directory "$PWD"\nnode tools/setup/machine.mjs',
    },
    { name: 'build', run: 'npx nx run-many -t build bpf' },
  ];
}

/** Keeps what the next run need not make again; `part` keeps the entries of shards apart. */
function keepSteps(part: string): WorkflowStep[] {
  return [
    { name: 'what the images are made from', id: 'content', if: 'always()', run: CONTENT_KEY },
    {
      name: 'keep images',
      if: 'always() && steps.content.outputs.key != ' + 'steps.images.outputs.cache-matched-key',
      uses: ACTIONS.save,
      with: { path: IMAGES, key: '${{ steps.content.outputs.key }}' },
    },
    {
      name: 'keep targets',
      if: 'always()',
      uses: ACTIONS.save,
      with: {
        path: TARGETS,
        key: `nx-\${{ runner.arch }}-\${{ github.job }}-\${{ github.sha }}${part}`,
      },
    },
  ];
}

function job(
  matrix: Matrix,
  architecture: string,
  parts: Omit<WorkflowJob, 'runs-on' | 'container'>,
): WorkflowJob {
  const { name, needs, if: condition, steps, strategy, 'timeout-minutes': minutes } = parts;
  return {
    name,
    ...(needs !== undefined && { needs }),
    ...(condition !== undefined && { if: condition }),
    'runs-on': architecture,
    'timeout-minutes': minutes,
    container: { image: `debian:${matrix.ci.suite}`, options: '--privileged' },
    ...(strategy !== undefined && { strategy }),
    steps,
  };
}

/**
 * Where cells of an architecture run: on a machine of their own architecture. A variable of the
 * repository names another machine, on which they are emulated.
 */
function machineOf(architecture: Cell['architecture']): string {
  const label = architecture.name === 'arm64' ? 'ubuntu-24.04-arm' : 'ubuntu-24.04';
  return `\${{ vars.SONDE_RUNNER_${architecture.name.toUpperCase()} || '${label}' }}`;
}

/** The machine of jobs that boot no cells: the first architecture's. */
function anyMachine(matrix: Matrix): string {
  const [first] = matrix.architectures;
  if (first === undefined) throw new Error('print workflows: the matrix has no architecture');
  return machineOf(first);
}

/** One job for each shard of a set of cells. */
export function cellsJob(matrix: Matrix, set: string, cells: readonly Cell[]): WorkflowJob {
  const include = shardsOf(cells).map(({ shard, architecture, cells: names }) => ({
    cells: names.join(' '),
    shard,
    artifact: `cells-${shard.replace('/', '-of-')}`,
    machine: machineOf(architecture),
  }));
  return job(matrix, '${{ matrix.machine }}', {
    name: 'cells ${{ matrix.cells }}',
    'timeout-minutes': 120,
    strategy: { 'fail-fast': false, matrix: { include } },
    steps: [
      ...machineSteps(),
      {
        name: 'every probe in its cells',
        run: `npx nx run vm-tests:matrix --cells ${set} --shard \${{ matrix.shard }}`,
      },
      {
        name: 'results',
        if: 'always()',
        uses: ACTIONS.upload,
        with: { name: '${{ matrix.artifact }}', path: RESULTS, 'if-no-files-found': 'error' },
      },
      ...keepSteps('-${{ matrix.artifact }}'),
    ],
  });
}

/** Folds the results of all shards, and holds them against the record and the budgets. */
export function reportJob(matrix: Matrix, set: string): WorkflowJob {
  const report = `node vm-tests/dist/main.js report --check --cells ${set}`;
  return job(matrix, anyMachine(matrix), {
    name: 'compatibility',
    needs: 'cells',
    if: '!cancelled()',
    'timeout-minutes': 30,
    steps: [
      ...machineSteps(),
      {
        name: 'results of all cells',
        uses: ACTIONS.download,
        with: { pattern: 'cells-*', 'merge-multiple': true, path: '.' },
      },
      {
        name: 'verdicts against the record, the verifier against its budget',
        run: `${report} | tee -a "$GITHUB_STEP_SUMMARY"`,
      },
      {
        name: 'the table',
        if: 'always()',
        run: 'cat vm-tests/out/report/compatibility.md >> "$GITHUB_STEP_SUMMARY"',
      },
      {
        name: 'the report',
        if: 'always()',
        uses: ACTIONS.upload,
        with: { name: 'compatibility', path: 'vm-tests/out/report', 'if-no-files-found': 'error' },
      },
    ],
  });
}

/** The rules of the house and the tests that need no kernel. */
export function checkJob(matrix: Matrix): WorkflowJob {
  return job(matrix, anyMachine(matrix), {
    name: 'rules and unit tests',
    'timeout-minutes': 60,
    steps: [
      ...machineSteps(),
      { name: 'rules', run: 'npx nx run-many -t lint format types tidy' },
      { name: 'unit tests of probes', run: 'npx nx run-many -t unit' },
      // A probe's `test` is its kernel tests, which the other jobs run.
      { name: 'unit tests', run: "npx nx run-many -t test --exclude 'probe-*'" },
      ...keepSteps(''),
    ],
  });
}

/** Everything that a change has to pass, as `.ci/run` has it. */
export function wholeJob(matrix: Matrix): WorkflowJob {
  return job(matrix, anyMachine(matrix), {
    name: '.ci/run',
    'timeout-minutes': 240,
    steps: [
      ...machineSteps(),
      { name: 'everything', id: 'machine-everything', run: '.ci/run' },
      ...keepSteps(''),
    ],
  });
}
