/**
 * The layout proof: for every event and struct of the probes and of the corpus, on both
 * architectures, what the schema computed is what compilers do. What a reader would get wrong: a
 * bit-field has no offsetof in C, so clang's assertions cannot see one; BTF and bytes do.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { CNames } from './c/c-type.js';
import { printProbeHeader } from './c/probe-header.js';
import { BPF_ARCHES, compileBpf } from './compile-bpf.js';
import { evaluateSchema } from './evaluate-schema.js';
import { C_TOOLCHAINS } from './testing/compiled-bytes.js';
import { decodedDifferences, structsOf } from './testing/decoded-differences.js';
import { generatedModule } from './testing/generated-module.js';
import { btfDifferences, failedAssertions } from './testing/layout-oracles.js';
import { ObjectBtf } from './testing/object-btf.js';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const PACKAGES = resolve(PACKAGE, '../../packages');

// Compilers run a hundred times over; tap's 30 s are too few on a slow machine.
t.setTimeout(240_000);

mkdirSync(join(PACKAGE, 'out'), { recursive: true });
const scratch = mkdtempSync(join(PACKAGE, 'out/proof-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));

const corpus = readdirSync(join(PACKAGE, 'corpus'))
  .filter(name => name.endsWith('.schema.ts'))
  .map(name => join(PACKAGE, 'corpus', name));
const probes = readdirSync(PACKAGES)
  .map(name => join(PACKAGES, name, 'src/schema.ts'))
  .filter(path => path.includes('probe-') && existsSync(path));

t.test('the corpus and the probes are there', async t => {
  t.ok(corpus.length >= 12, `${corpus.length} awkward schemas`);
  t.ok(probes.length >= 3, `${probes.length} probes`);
});

for (const path of [...corpus, ...probes]) {
  t.test(
    `layout of ${path.includes('corpus') ? basename(path) : basename(resolve(path, '../..'))}`,
    async t => {
      const ir = await evaluateSchema(path, 'schema.ts');
      const folder = join(scratch, ir.name);
      const header = printProbeHeader(ir, 'schema.ts');
      for (const arch of BPF_ARCHES) {
        t.strictSame(
          failedAssertions(ir, arch, join(folder, 'real')),
          [],
          `clang asserts, ${arch}`,
        );
        t.strictSame(btfDifferences(ir, ir, arch, join(folder, 'btf')), [], `BTF, ${arch}`);
      }
      const module = await generatedModule(ir, join(folder, 'module'));
      for (const toolchain of C_TOOLCHAINS) {
        const result = decodedDifferences(ir, header, module, toolchain, join(folder, 'bytes'));
        t.strictSame(result.wrong, [], `bytes, ${toolchain.name}`);
        t.ok(result.compared > 0, `${result.compared} values`);
      }
    },
  );
}

// Clang describes in BTF what globals and maps refer to: the config struct always, maps' values,
// and not what only code uses. The objects of the tests above hold a variable of every struct.
t.test("the probes' own objects describe the same structs", async t => {
  for (const path of probes) {
    const ir = await evaluateSchema(path, 'schema.ts');
    const names = new CNames(ir);
    const source = readdirSync(resolve(path, '..')).find(name => name.endsWith('.bpf.c'));
    if (source === undefined) throw new Error(`${path}: no .bpf.c beside it`);
    for (const arch of BPF_ARCHES) {
      const object = join(scratch, `${ir.name}.${arch}.bpf.o`);
      compileBpf({
        source: resolve(path, '..', source),
        object,
        arch,
        include: [resolve(path, '..')],
      });
      const btf = new ObjectBtf(object);
      const claimed = [ir.config, ...structsOf(ir).filter(({ name }) => btf.has(names.tag(name)))];
      for (const struct of claimed) {
        t.strictSame(btf.differences(struct, ir), [], `${ir.name}.${struct.name}, ${arch}`);
      }
    }
  }
});
