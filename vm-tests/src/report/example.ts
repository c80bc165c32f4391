/**
 * Evidence as a run would leave it, for this room's tests: a point with two ways, of which each
 * test breaks what it is about.
 */
import type { Evidence, SeenEvidence } from '../kit/evidence.js';
import { foldCell, type CellResult, type RunFacts } from './cell-result.js';

const FACTS: RunFacts = {
  cell: '5.10-amd64',
  kernel: '5.10.0-32-cloud-amd64',
  date: '2026-01-02',
  inputs: '0123456789abcdef',
  compiler: 'clang 14',
  ok: true,
  reasons: [],
};

/** What one way of the example is like. */
export interface Way {
  readonly name: string;
  readonly attached?: boolean;
  /** False: the verifier refuses its program. */
  readonly loaded?: boolean;
  readonly instructions?: number;
  /** Whether its test saw events; undefined: there is no test. */
  readonly seen?: boolean;
  /** Whether its test says that this kernel is too old for it. */
  readonly earned?: true;
}

function evidenceOf(way: Way, need: 'required' | 'optional'): Evidence[] {
  const { name, attached = true, loaded = true, instructions = 1000, seen, earned } = way;
  const probe = 'example';
  const program = `on_${name}`;
  const refusal = { reason: `<b>BPF program is too large</b>`, log: `verifier/${program}.log` };
  const test: SeenEvidence = {
    kind: 'seen',
    probe,
    test: `events by ${name}`,
    goRelease: '1.26',
    build: 'stripped',
    points: [{ point: 'point', alternative: name }],
    compared: seen === true ? 12 : 0,
    seen: seen === true,
    ...(seen !== true && { reason: 'no event came' }),
    ...(earned && { earned }),
  };
  return [
    {
      kind: 'program',
      probe,
      program,
      mode: 'stream',
      compiled: true,
      loaded,
      ...(loaded ? { instructions, totalStates: instructions / 10, peakStates: 5 } : refusal),
    },
    {
      kind: 'attach',
      probe,
      point: 'point',
      need,
      alternative: name,
      attachKind: 'kprobe',
      program,
      attached: attached && loaded,
      ...(!(attached && loaded) && { reason: `attach ${name}: no such file or directory (2)` }),
    },
    ...(seen === undefined ? [] : [test]),
  ];
}

/** The result of one cell in which the probe `example` has these ways. */
export function exampleCell(
  ways: readonly Way[],
  facts: Partial<RunFacts> = {},
  need: 'required' | 'optional' = 'required',
): CellResult {
  const budget = { instructions: 100_000 };
  const result = foldCell({ ...FACTS, ...facts }, [
    { kind: 'object', probe: 'example', compiled: true, hash: '00', budget },
    ...ways.flatMap(way => evidenceOf(way, need)),
  ]);
  if (result === undefined) throw new Error('fold example: there was no evidence');
  return result;
}
