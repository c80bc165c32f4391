/**
 * musl as Debian packages it, for workloads that are built against it instead of glibc, with the
 * machine's own compiler: a specs file leads that to other headers, start files and libraries.
 *
 * The fact readers get wrong: the loader that a dynamic program names is relative, so that it is
 * found beside the program, on machines that have no musl; whoever starts it does so in its folder.
 * The kit does. As musl-gcc does, the specs leave out --eh-frame-hdr.
 */
import { readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { contentKey, debianPackage, type Progress } from '@sonde/toolchain';
import type { Architecture } from './matrix.js';
import { librarySource } from './libraries.js';

/** musl for one architecture. */
export interface Musl {
  /** Changes with the packages' contents. */
  readonly key: string;
  /** What a specs file for gcc says. */
  readonly specs: string;
  /** The C library and loader, by the name under which programs look for it. */
  readonly loader: { readonly name: string; readonly path: string };
}

/**
 * gcc's rules for programs of musl. `libgcc` is the machine's: on arm64 its atomics ask glibc for
 * the processor's abilities, which musl does not tell, so there they are left out.
 */
function specsFor(architecture: Architecture, folders: Record<string, string>, loader: string) {
  const { include, develop, runtime } = folders;
  const atomics = architecture.name === 'arm64' ? ' -mno-outline-atomics' : '';
  const preprocess = `-nostdinc -isystem ${include} -isystem include%s`;
  const parts = {
    '%rename cpp_options': 'old_cpp_options',
    '*cpp_options': `${preprocess} %(old_cpp_options)`,
    '*cc1': `%(cc1_cpu) ${preprocess}${atomics}`,
    '*link_libgcc': `-L${runtime} -L${develop} -L .%s`,
    '*libgcc': 'libgcc.a%s %:if-exists(libgcc_eh.a%s)',
    '*startfile': `%{!shared:${develop}/Scrt1.o} ${develop}/crti.o crtbeginS.o%s`,
    '*endfile': `crtendS.o%s ${develop}/crtn.o`,
    '*link':
      `-dynamic-linker ${loader} -nostdlib %{shared:-shared} ` +
      '%{static:-static} %{rdynamic:-export-dynamic}',
    '*esp_link': '',
    '*esp_options': '',
    '*esp_cpp_options': '',
  };
  const entries = Object.entries(parts).map(([name, text]) =>
    name.startsWith('%') ? `${name} ${text}\n` : `${name}:\n${text}\n`,
  );
  return `${entries.join('\n')}\n`;
}

/** Fetches musl. Throws CommandError when the mirror has its packages no more. */
export async function fetchMusl(architecture: Architecture, progress: Progress): Promise<Musl> {
  const { suite } = await librarySource();
  const fetched = [];
  for (const name of ['musl', 'musl-dev']) {
    fetched.push(await debianPackage(suite, name, architecture.name, progress));
  }
  const [library = '', develop = ''] = fetched.map(each => each.directory);
  const triplet = architecture.triplet.replace(/-gnu$/, '-musl');
  const loader = (await readdir(join(library, 'lib'))).find(name => name.startsWith('ld-musl-'));
  if (loader === undefined) throw new Error(`unpack musl: no loader in ${library}`);
  const path = await realpath(join(library, 'lib', loader));
  const folders = {
    include: join(develop, 'usr/include', triplet),
    develop: join(develop, 'usr/lib', triplet),
    runtime: join(library, 'lib', triplet),
  };
  const specs = specsFor(architecture, folders, loader);
  // The specs name folders of this machine; what they say else is in the key.
  const shape = specsFor(architecture, { include: '', develop: '', runtime: '' }, loader);
  const key = contentKey([...fetched.map(each => each.sha256), shape]);
  return { key, specs, loader: { name: loader, path } };
}
