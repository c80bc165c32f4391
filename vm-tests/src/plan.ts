/**
 * Which projects' tests run in which places: what flags, environment and Nx's tasks ask for.
 *
 * The fact readers get wrong: several entries may name the same project, each with places of its
 * own. They share the boots, and each has its own result.
 */
import { UsageError, commaList } from './command-line.js';
import { selectCells, type Cell, type Matrix } from './matrix.js';

/** One request for tests, as a flag or a task words it. */
export interface PlanEntry {
  /** The project's folder; relative to the workspace's root, or to the current folder. */
  readonly folder: string;
  /** As in --cells; SONDE_CELLS or the fast ones when left out. */
  readonly cells?: string;
  /** As in --lane; SONDE_LANE or both when left out. */
  readonly lane?: string;
  /** A host that cannot run tests is no failure, although the lane is `host`. */
  readonly optional?: boolean;
}

/** Where an entry's tests run. */
export interface Places {
  /** Guests to boot; none leaves the host alone. */
  readonly cells: readonly Cell[];
  /** `auto` takes the host where it works; `must` fails where it does not. */
  readonly host: 'auto' | 'must' | 'never';
}

/** The host as a place, beside the names of cells. */
export const HOST = 'host';

function isLane(word: string): word is 'host' | 'guest' | '' {
  return ['host', 'guest', ''].includes(word);
}

/**
 * Returns where an entry's tests run. Throws UsageError for an unknown lane, and Error for a cell
 * that the matrix does not have.
 */
export function placesOf(
  matrix: Matrix,
  entry: Omit<PlanEntry, 'folder'>,
  env: NodeJS.ProcessEnv = process.env,
): Places {
  const forced = env['SONDE_LANE'] ?? '';
  const lane = entry.lane ?? forced;
  if (!isLane(lane)) throw new UsageError(`choose lane: there is no lane ${lane}`);
  const words = commaList(entry.cells ?? env['SONDE_CELLS']);
  const chosen = selectCells(matrix, words.length > 0 ? words : ['fast']);
  const isOptional = entry.optional === true && forced !== 'host';
  if (lane === 'host') return { cells: [], host: isOptional ? 'auto' : 'must' };
  return { cells: chosen, host: lane === 'guest' ? 'never' : 'auto' };
}

/** Whether the places have this one: a cell's name, or {@link HOST}. */
export function hasPlace(places: Places, place: string): boolean {
  if (place === HOST) return places.host !== 'never';
  return places.cells.some(cell => cell.name === place);
}

/** Returns all places of several entries together, cells in the order of the matrix. */
export function joinPlaces(matrix: Matrix, all: readonly Places[]): Places {
  const names = new Set(all.flatMap(places => places.cells.map(cell => cell.name)));
  const cells = selectCells(matrix, ['all']).filter(cell => names.has(cell.name));
  const hosts = new Set(all.map(places => places.host));
  const host = hosts.has('must') ? 'must' : hosts.has('auto') ? 'auto' : 'never';
  return { cells, host };
}
