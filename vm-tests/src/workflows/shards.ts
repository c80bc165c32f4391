/**
 * How the cells of a set are dealt to machines of a CI service.
 *
 * The fact readers get wrong: `--shard K/N` deals round-robin in the order of the matrix, where
 * architectures alternate. So the number of shards is chosen such that each gets cells of one
 * architecture, and can then run on a machine of that architecture.
 */
import { shardOf, type Cell } from '../matrix.js';

/** The cells of one machine. */
export interface Shard {
  /** As `--shard` takes it: `1/4`. */
  readonly shard: string;
  readonly architecture: Cell['architecture'];
  readonly cells: readonly string[];
}

/** More cells than this take longer than setting up one more machine. */
const CELLS_MOST = 2;

/**
 * The fewest shards of which each has cells of one architecture, and at most two of them. There is
 * always an answer, because a shard of one cell fits.
 */
export function shardsOf(cells: readonly Cell[]): Shard[] {
  for (let count = 1; ; count++) {
    const dealt = Array.from({ length: count }, (_, index) =>
      shardOf(cells, `${index + 1}/${count}`),
    );
    const fits = dealt.every(
      own => own.length <= CELLS_MOST && new Set(own.map(c => c.architecture.name)).size <= 1,
    );
    if (!fits) continue;
    return dealt.flatMap((own, index) => {
      const [first] = own;
      if (first === undefined) return [];
      const names = own.map(cell => cell.name);
      return [{ shard: `${index + 1}/${count}`, architecture: first.architecture, cells: names }];
    });
  }
}
