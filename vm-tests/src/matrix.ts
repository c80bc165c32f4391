/**
 * The matrix: which kernels on which architectures, read from matrix.json.
 *
 * That file is the only place that names a kernel, an architecture or a Go release to test on;
 * everything here is lookups.
 * The fact readers get wrong: a *cell* is a product (kernel × architecture), so adding one kernel
 * adds a cell on every architecture unless its entry says otherwise.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder of this package: matrix.json, workloads and dist lie in it. */
export const packageRoot = fileURLToPath(new URL('..', import.meta.url));

/** How QEMU presents one architecture; each field is a value of QEMU's or the kernel's own. */
export interface QemuMachine {
  readonly program: string;
  readonly machine: string;
  readonly cpu: string;
  readonly console: string;
  /** Device file of the PCI serial port inside the guest, where results come out. */
  readonly tap: string;
  readonly image: 'vmlinux' | 'vmlinuz';
}

/** One architecture under each of the names that others give it. */
export interface Architecture {
  readonly name: 'amd64' | 'arm64';
  readonly bpf: 'x86_64' | 'arm64';
  readonly npm: string;
  readonly triplet: string;
  readonly goarch: string;
  readonly compiler: string;
  readonly interpreter: string;
  readonly qemu: QemuMachine;
}

/** The sets of cells, from the narrowest to the widest; each has the cells of those before it. */
export const CELL_SETS = ['fast', 'full', 'nightly'] as const;

/** When a kernel is tested. */
export type CellSet = (typeof CELL_SETS)[number];

/** One kernel of the matrix, by the Debian suite and package that it comes from. */
export interface Kernel {
  readonly name: string;
  readonly set: CellSet;
  readonly suite: string;
  readonly package: string;
  /** The package of its modules, where they are not in `package`. */
  readonly modules?: string;
  readonly memoryMib: number;
  readonly architectures?: readonly string[];
}

/** One way to build a program, and in which runs it is built so. */
export interface GoBuild {
  /** `plain`, `stripped`, `pie`, `stripped-pie`. */
  readonly name: string;
  readonly set: 'fast' | 'full';
  /** Release lines that are built so in the fast set as well. */
  readonly fastFor?: readonly string[];
  /** Flags of `go build`. */
  readonly flags: readonly string[];
}

/** What matrix.json holds; matrix.schema.json explains each field. */
export interface Matrix {
  readonly userland: {
    readonly suite: string;
    readonly packages: readonly string[];
    readonly busybox: string;
    readonly node: string;
  };
  /** What a machine that is entered by SSH has besides. */
  readonly machine: { readonly packages: readonly string[] };
  /** Where the jobs of a CI service run. */
  readonly ci: { readonly suite: string };
  readonly architectures: readonly Architecture[];
  readonly kernels: readonly Kernel[];
  /** Go release lines, `1.15` first. */
  readonly goReleases: readonly string[];
  readonly builds: readonly GoBuild[];
}

/** One kernel on one architecture. */
export interface Cell {
  /** As given on the command line: `5.10-amd64`. */
  readonly name: string;
  readonly kernel: Kernel;
  readonly architecture: Architecture;
}

/**
 * Returns the matrix as committed. A test validates it against its schema, so it is not done here.
 */
export function readMatrix(): Matrix {
  return JSON.parse(readFileSync(`${packageRoot}matrix.json`, 'utf8')) as Matrix;
}

/** Returns every cell of the matrix, kernels in the order of the file. */
export function allCells(matrix: Matrix): Cell[] {
  return matrix.kernels.flatMap(kernel =>
    matrix.architectures
      .filter(a => !kernel.architectures || kernel.architectures.includes(a.name))
      .map(architecture => ({ name: `${kernel.name}-${architecture.name}`, kernel, architecture })),
  );
}

function isSelected(cell: Cell, word: string): boolean {
  const set = CELL_SETS.indexOf(word as CellSet);
  if (set >= 0) return CELL_SETS.indexOf(cell.kernel.set) <= set;
  return word === 'all' || [cell.name, cell.kernel.name, cell.architecture.name].includes(word);
}

/**
 * Returns the cells that `wanted` selects: names (`5.10-arm64`), kernels (`5.10`), architectures
 * (`arm64`), `all`, or a set: `fast`, `full` (those of fast too) and `nightly` (all of these).
 * Throws an Error that lists the cells when a word selects nothing.
 */
export function selectCells(matrix: Matrix, wanted: readonly string[]): Cell[] {
  const cells = allCells(matrix);
  for (const word of wanted) {
    if (cells.some(cell => isSelected(cell, word))) continue;
    throw new Error(
      `select cells: no cell ${word}; there are ${cells.map(c => c.name).join(', ')}`,
    );
  }
  return cells.filter(cell => wanted.some(word => isSelected(cell, word)));
}

/**
 * Returns the part of `cells` that shard `K/N` has: every Nth, beginning with the Kth, so that the
 * architectures are spread. Throws RangeError for what is no shard.
 */
export function shardOf(cells: readonly Cell[], shard: string): Cell[] {
  const [, k, n] = (/^(\d+)\/(\d+)$/.exec(shard) ?? []).map(Number);
  if (k === undefined || n === undefined || k < 1 || k > n) {
    throw new RangeError(`choose shard: ${shard} is not K/N with K from 1 to N`);
  }
  return cells.filter((_, index) => index % n === k - 1);
}

/** Returns the architecture that this process runs on. Throws when the matrix does not have it. */
export function hostArchitecture(matrix: Matrix): Architecture {
  const found = matrix.architectures.find(a => a.npm === process.arch);
  if (!found) throw new Error(`run tests: architecture ${process.arch} is not in matrix.json`);
  return found;
}
