/**
 * The Nx plugin as Nx calls it: files in, targets out. What a reader would get wrong: it is plain
 * .mjs that loads before any build, so this test imports the source, not something compiled.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';

interface Target {
  readonly dependsOn: readonly unknown[];
  readonly inputs?: readonly unknown[];
  readonly outputs?: readonly string[];
  readonly options?: { readonly command?: string };
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
const [pattern, create] = createNodesV2;
const workspaceRoot = new URL('../../..', import.meta.url).pathname;
const file = 'packages/probe-sample/src/schema.ts';

t.test('a schema makes the targets of its package', async t => {
  t.equal(pattern, 'packages/probe-*/src/schema.ts');
  const [[made, { projects }] = ['', { projects: {} }]] = create([file], {}, { workspaceRoot });
  t.equal(made, file);
  const project = projects['packages/probe-sample'];
  t.strictSame(Object.keys(project?.targets ?? {}), ['codegen', 'bpf', 'build', 'watch', 'test']);
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

t.test('the plugin imports nothing of ours', async t => {
  const text = readFileSync(url, 'utf8');
  const imported = [...text.matchAll(/^import .* from '([^']+)'/gm)].map(([, name]) => name);
  t.ok(imported.length > 0);
  t.strictSame(
    imported.filter(name => !name?.startsWith('node:')),
    [],
  );
});
