/**
 * The Nx plugin as Nx calls it: files in, targets out. What a reader would get wrong: it is plain
 * .mjs that loads before any build, so this test imports the source, not something compiled.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

interface Target {
  readonly executor?: string;
  readonly dependsOn: readonly unknown[];
  readonly inputs?: readonly unknown[];
  readonly outputs?: readonly string[];
  readonly options?: { readonly command?: string; readonly cells?: string };
}

interface Plugin {
  readonly createNodesV2: readonly [
    string,
    (
      files: readonly string[],
      options: unknown,
      context: { readonly workspaceRoot: string },
    ) => [
      string,
      { projects: Record<string, { root: string; targets: Record<string, Target> }> },
    ][],
  ];
}

const url = new URL('../plugin.mjs', import.meta.url);
const { createNodesV2 } = (await import(url.href)) as Plugin;
const [, create] = createNodesV2;
const workspaceRoot = new URL('../../..', import.meta.url).pathname;
const file = 'packages/probe-sample/src/schema.ts';

/** The targets that one file makes, in an environment that is put back afterwards. */
function targetsOf(path: string, env: Record<string, string> = {}): Record<string, Target> {
  const before = { ...process.env };
  for (const name of ['SONDE_LANE', 'SONDE_CELLS', 'SONDE_GATHER'])
    Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, env);
  try {
    const [[, { projects }] = ['', { projects: {} }]] = create([path], {}, { workspaceRoot });
    return Object.values(projects)[0]?.targets ?? {};
  } finally {
    process.env = before;
  }
}

t.test('a schema makes the targets of its package', async t => {
  const [[made, { projects }] = ['', { projects: {} }]] = create([file], {}, { workspaceRoot });
  t.equal(made, file);
  const project = projects['packages/probe-sample'];
  const own = Object.keys(project?.targets ?? {}).filter(name => !/^test-/.test(name));
  t.strictSame(own, ['codegen', 'bpf', 'build', 'watch', 'test']);
  const { codegen, bpf, build } = project?.targets ?? {};
  const command = codegen?.options?.command;
  t.equal(command, 'node tools/codegen/dist/main.js packages/probe-sample');
  t.strictSame(codegen?.outputs, ['{projectRoot}/src/gen']);
  t.strictSame(bpf?.outputs, ['{projectRoot}/dist/bpf']);
  t.ok(build?.dependsOn.includes('codegen'), 'the decoder exists before it is compiled');
});

t.test('another compiler is another input', async t => {
  const [[, { projects }] = ['', { projects: {} }]] = create([file], {}, { workspaceRoot });
  const inputs = JSON.stringify(projects['packages/probe-sample']?.targets['bpf']?.inputs);
  for (const part of ['{CLANG:-clang}', '{LLVM_STRIP:-llvm-strip}', 'libbpf_version.h']) {
    t.ok(inputs.includes(part), part);
  }
});

t.test('each cell of the matrix is a target, and others take several together', async t => {
  const targets = targetsOf(file);
  const matrix = JSON.parse(readFileSync(join(workspaceRoot, 'vm-tests/matrix.json'), 'utf8')) as {
    architectures: { name: string }[];
    kernels: { name: string; set: string }[];
  };
  const names = (kernels: readonly { name: string }[]): string[] =>
    kernels.flatMap(k => matrix.architectures.map(a => `test-vm--${k.name}-${a.name}`));
  const cells = Object.keys(targets).filter(name => name.startsWith('test-vm--'));
  t.strictSame(cells, names(matrix.kernels));
  const fast = names(matrix.kernels.filter(kernel => kernel.set === 'fast'));
  t.strictSame(targets['test-vm']?.dependsOn, fast);
  t.strictSame(targets['test']?.dependsOn, ['test-host', ...fast]);
  const [first = ''] = fast;
  const place = first.slice('test-vm--'.length);
  t.match(targets[first], { options: { cells: place } });
  t.ok(targets[first]?.outputs?.includes(`{projectRoot}/out/tap/${place}.tap`));
});

t.test('lane and cells choose what runs, and leave the targets of cells as they are', async t => {
  const [one = ''] = Object.keys(targetsOf(file)).filter(name => name.startsWith('test-vm--'));
  const cell = one.slice('test-vm--'.length);
  const some = targetsOf(file, { SONDE_CELLS: cell });
  t.strictSame(some['test']?.dependsOn, ['test-host', one]);
  t.strictSame(targetsOf(file, { SONDE_LANE: 'host' })['test']?.dependsOn, ['test-host']);
  const guest = targetsOf(file, { SONDE_LANE: 'guest', SONDE_CELLS: cell });
  t.strictSame(guest['test']?.dependsOn, [one]);
  t.strictSame(guest[one], targetsOf(file)[one]);
  t.strictSame(guest['test-host'], targetsOf(file)['test-host']);
  t.throws(() => targetsOf(file, { SONDE_CELLS: '4.19' }), {
    message: /no cell 4\.19; there are /,
  });
});

t.test(
  'who runs all kernel tests has them wait for every build, and so become one batch',
  async t => {
    const dependsOn = targetsOf(file, { SONDE_GATHER: '1' })['test-host']?.dependsOn;
    const every = ['build', 'bpf'].map(target => ({ projects: ['*'], target }));
    t.strictSame(dependsOn, [...(targetsOf(file)['test-host']?.dependsOn ?? []), ...every]);
  },
);

t.test('kernel tests make their project a row of the matrix, once', async t => {
  const files = ['a', 'b'].map(name => `tools/sample/src/${name}.kernel.test.ts`);
  const made = create(files, {}, { workspaceRoot });
  t.equal(made.length, 1);
  const targets = made[0]?.[1].projects['tools/sample']?.targets ?? {};
  t.ok('kernel' in targets && 'test-vm' in targets && 'test-host' in targets);
  t.notOk('test' in targets, 'its unit tests keep their name');
  const probe = create(['packages/probe-sample/src/a.kernel.test.ts'], {}, { workspaceRoot });
  t.strictSame(probe, [], 'a probe is known by its schema');
});

t.test('the plugin imports nothing that is built', async t => {
  for (const name of ['plugin.mjs', 'kernel-targets.mjs']) {
    const text = readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
    const imported = [...text.matchAll(/^import .* from '([^']+)'/gm)].map(([, from]) => from);
    t.ok(imported.length > 0);
    const others = imported.filter(from => !/^node:|^\.\/[\w-]+\.mjs$/.test(from ?? ''));
    t.strictSame(others, []);
  }
});
