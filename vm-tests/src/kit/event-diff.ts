/**
 * Compares events with what was expected of them, and says in a few lines how they differ.
 *
 * The fact readers get wrong: order is no part of it, because the ring promises none across CPUs.
 * An expectation that many events fit does not take the one that another needs.
 */
import { expectedWords, fieldFits, type ExpectedEvent } from './matchers.js';

/** A decoded event: its fields by name. */
export type SeenEvent = Readonly<Record<string, unknown>>;

/** An expectation and the event nearest to it, where at least one field is as expected. */
export interface DifferentEvent {
  readonly expected: ExpectedEvent;
  readonly seen: SeenEvent;
  /** Names of the fields that differ. */
  readonly fields: readonly string[];
}

/** What came of a comparison; everything but `pairs` is empty when all is as expected. */
export interface EventComparison {
  /** For each expectation the event that fits it, in the order of the expectations. */
  readonly pairs: readonly (SeenEvent | undefined)[];
  readonly different: readonly DifferentEvent[];
  readonly missing: readonly ExpectedEvent[];
  readonly unexpected: readonly SeenEvent[];
}

function differingFields(expected: ExpectedEvent, seen: SeenEvent): string[] {
  return Object.keys(expected).filter(
    name => !fieldFits(expected[name] as ExpectedEvent[string], seen[name]),
  );
}

/**
 * The most pairs of expectation and event that fit: a matching by augmenting paths. `taken` holds
 * for each event the expectation that has it.
 */
class Matching {
  readonly taken: (number | undefined)[];
  readonly #fits: readonly (readonly number[])[];

  constructor(expected: readonly ExpectedEvent[], seen: readonly SeenEvent[]) {
    this.taken = seen.map(() => undefined);
    this.#fits = expected.map(each =>
      seen.flatMap((event, index) => (differingFields(each, event).length === 0 ? [index] : [])),
    );
    for (const index of expected.keys()) this.#place(index, new Set());
  }

  /** Gives expectation `index` an event, moving others where they have a choice. */
  #place(index: number, tried: Set<number>): boolean {
    for (const event of this.#fits[index] ?? []) {
      if (tried.has(event)) continue;
      tried.add(event);
      const holder = this.taken[event];
      if (holder !== undefined && !this.#place(holder, tried)) continue;
      this.taken[event] = index;
      return true;
    }
    return false;
  }
}

/** Pairs what is left over by how few fields differ; no pair has nothing in common. */
function nearestPairs(
  expected: readonly ExpectedEvent[],
  seen: readonly SeenEvent[],
): DifferentEvent[] {
  const candidates = expected.flatMap(each =>
    seen
      .map(event => ({ expected: each, seen: event, fields: differingFields(each, event) }))
      .filter(pair => pair.fields.length < Object.keys(each).length),
  );
  candidates.sort((a, b) => a.fields.length - b.fields.length);
  const used = new Set<unknown>();
  return candidates.filter(pair => {
    if (used.has(pair.expected) || used.has(pair.seen)) return false;
    used.add(pair.expected).add(pair.seen);
    return true;
  });
}

/** Holds events against expectations: each expectation wants an event of its own. */
export function compareEvents(
  expected: readonly ExpectedEvent[],
  seen: readonly SeenEvent[],
): EventComparison {
  const { taken } = new Matching(expected, seen);
  const pairs: (SeenEvent | undefined)[] = expected.map(() => undefined);
  for (const [event, index] of taken.entries()) if (index !== undefined) pairs[index] = seen[event];
  const unmet = expected.filter((_, index) => pairs[index] === undefined);
  const left = seen.filter((_, index) => taken[index] === undefined);
  const different = nearestPairs(unmet, left);
  return {
    pairs,
    different,
    missing: unmet.filter(each => !different.some(pair => pair.expected === each)),
    unexpected: left.filter(each => !different.some(pair => pair.seen === each)),
  };
}

/** Prints a field's value; the unit decides, as in every table of the command line. */
export type ShowField = (name: string, value: unknown) => string;

/** Lines of one kind that a difference shows before it only counts the rest. */
const SHOWN_MAX = 12;

function limited(lines: readonly string[], what: string): string[] {
  const more = lines.length - SHOWN_MAX;
  return more <= 0 ? [...lines] : [...lines.slice(0, SHOWN_MAX), `  … and ${more} more ${what}`];
}

function fieldList(event: SeenEvent, show: ShowField): string {
  return Object.entries(event)
    .map(([name, value]) => `${name} ${show(name, value)}`)
    .join(', ');
}

/**
 * The comparison as text, `~` for an event that differs, with each field that does, `-` for one
 * that is missing, `+` for one that nobody expected. One line alone when all is as expected.
 */
export function comparisonText(
  comparison: EventComparison,
  what: string,
  show: ShowField = (_, value) => String(value),
): string {
  const { pairs, different, missing, unexpected } = comparison;
  const met = pairs.filter(each => each !== undefined).length;
  const counts = [
    `${met} of ${pairs.length} as expected`,
    ...(different.length > 0 ? [`${different.length} different`] : []),
    ...(missing.length > 0 ? [`${missing.length} missing`] : []),
    ...(unexpected.length > 0 ? [`${unexpected.length} unexpected`] : []),
  ];
  const expectedText = (expected: ExpectedEvent): string =>
    Object.entries(expected)
      .map(([name, field]) => `${name} ${expectedWords(field, value => show(name, value))}`)
      .join(', ');
  const differences = different.map(({ expected, seen, fields }) => {
    const lines = fields.map(name => {
      const wanted = expectedWords(expected[name] ?? '', value => show(name, value));
      const got = name in seen ? show(name, seen[name]) : 'nothing: the event has no such field';
      return `      ${name}: expected ${wanted}, saw ${got}`;
    });
    return [`  ~ ${fieldList(seen, show)}`, ...lines].join('\n');
  });
  return [
    `${what}: ${counts.join(', ')}`,
    ...limited(differences, 'different'),
    ...limited(
      missing.map(each => `  - ${expectedText(each)}`),
      'missing',
    ),
    ...limited(
      unexpected.map(each => `  + ${fieldList(each, show)}`),
      'unexpected',
    ),
  ].join('\n');
}
