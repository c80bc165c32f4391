/**
 * Links that hold one or several attach points. The fact that is easy to get wrong: where one link
 * holds many points (uprobe_multi), giving up one of them means a new link for the others, and for
 * some tens of ms none of them is seen. What was missed then shows as `unpaired`, never as a guess.
 */
import type { Link } from '../libbpf/index.js';
import type { UserPlace } from '../loader/index.js';

/** Makes links for places; throws LoadError. */
export type Attach = (places: readonly UserPlace[]) => readonly Link[];

/** Some links, the points that they hold, and how to make them anew. */
export class HeldLinks {
  #links: readonly Link[];
  readonly #members: Map<string, readonly UserPlace[]>;
  readonly #attach: Attach;

  constructor(
    links: readonly Link[],
    members: ReadonlyMap<string, readonly UserPlace[]>,
    attach: Attach,
  ) {
    this.#links = links;
    this.#members = new Map(members);
    this.#attach = attach;
  }

  /** Links without places to choose from: a single point's, or none at all. */
  static single(links: readonly Link[]): HeldLinks {
    return new HeldLinks(links, new Map(), () => []);
  }

  /** Forgets these points: restore() will not attach them again. */
  withdraw(points: ReadonlySet<string>): void {
    for (const point of points) this.#members.delete(point);
  }

  /**
   * After close(): attaches the points that were not withdrawn. Returns the names of those that
   * could not be attached again, with the reason.
   */
  restore(): { readonly lost: readonly string[]; readonly reason: string } {
    const places = [...this.#members.values()].flat();
    if (places.length === 0) return { lost: [], reason: '' };
    try {
      this.#links = this.#attach(places);
      return { lost: [], reason: '' };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { lost: [...this.#members.keys()], reason };
    }
  }

  /** Detaches everything. Idempotent. */
  async close(): Promise<void> {
    const links = this.#links;
    this.#links = [];
    await Promise.all(links.map(link => link.close()));
  }
}
