/**
 * C libraries as Debian builds them, for workloads that allocate through code which is not ours:
 * headers and archives to build against, and the shared objects that a program loads.
 *
 * One old suite serves every machine and guest, because a C library runs and links what was built
 * for an older one. The fact readers get wrong: the shared objects are put beside the program and
 * found by its $ORIGIN, so a test never traces a library that other processes have mapped.
 */
import { cp, readFile, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, contentKey, debianPackage, exists, type Progress } from '@sonde/toolchain';
import { packageRoot, type Architecture } from './matrix.js';

/** What workloads.json says about libraries. */
interface LibrarySource {
  /** Debian suite that all of them come from. */
  readonly suite: string;
  /** Library → the packages that hold its headers, archive and shared object. */
  readonly packages: Readonly<Record<string, readonly string[]>>;
}

/** Some libraries for one architecture, ready to build against. */
export interface Libraries {
  /** Changes with the packages' contents. */
  readonly key: string;
  /** CGO_CFLAGS and CGO_LDFLAGS. */
  readonly env: Readonly<Record<string, string>>;
  /** Shared objects by the names under which programs load them: `libzstd.so.1`. */
  readonly shared: readonly { readonly name: string; readonly path: string }[];
}

/** Where Debian's packages for workloads come from. Throws where workloads.json cannot be read. */
export async function librarySource(): Promise<LibrarySource> {
  const text = await readFile(join(packageRoot, 'workloads/workloads.json'), 'utf8');
  return (JSON.parse(text) as { libraries: LibrarySource }).libraries;
}

/** Unpacks the packages over each other, as they would lie in a root file system. */
async function merge(folders: readonly string[], triplet: string, into: string): Promise<void> {
  for (const folder of folders) {
    for (const [from, to] of [
      ['usr/include', 'include'],
      [`usr/lib/${triplet}`, 'lib'],
    ] as const) {
      const source = join(folder, from);
      if (!(await exists(source))) continue;
      await cp(source, join(into, to), { recursive: true, verbatimSymlinks: true });
    }
  }
}

/**
 * Fetches libraries, such as `sqlite3`, for an architecture and merges them in the cache. Throws
 * CommandError when the mirror has a package no more, Error for a library that workloads.json does
 * not name.
 */
export async function fetchLibraries(
  names: readonly string[],
  architecture: Architecture,
  progress: Progress,
): Promise<Libraries> {
  const { suite, packages } = await librarySource();
  const wanted = names.flatMap(name => {
    const found = packages[name];
    if (found === undefined) throw new Error(`fetch library ${name}: not in workloads.json`);
    return found;
  });
  const fetched = [];
  for (const name of wanted) {
    fetched.push(await debianPackage(suite, name, architecture.name, progress));
  }
  const key = contentKey(fetched.map(each => each.sha256));
  const folders = fetched.map(each => each.directory);
  const folder = await cached('libraries', `${architecture.name}-${key}`, directory =>
    merge(folders, architecture.triplet, directory),
  );
  const lib = join(folder, 'lib');
  const objects = (await readdir(lib)).filter(file => /\.so\.\d+$/.test(file));
  const own = objects.filter(file => names.some(name => file.startsWith(`lib${name}.so.`)));
  const headers = [join(folder, 'include'), join(folder, 'include', architecture.triplet)];
  return {
    key,
    env: {
      CGO_CFLAGS: ['-g', '-O2', ...headers.map(path => `-I${path}`)].join(' '),
      CGO_LDFLAGS: `-L${lib} -Wl,-rpath,$ORIGIN`,
    },
    shared: await Promise.all(
      own.map(async name => ({ name, path: await realpath(join(lib, name)) })),
    ),
  };
}
