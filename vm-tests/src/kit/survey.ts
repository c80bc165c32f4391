/**
 * Loads every program of a probe and tries every alternative of every attach point, on the kernel
 * that this runs on, and leaves what came of it as evidence. The runner adds it to the tests of
 * each probe; no author calls it.
 *
 * The fact readers get wrong: nothing is judged here. A kernel that refuses one of five ways is no
 * failure while another serves; which of the refusals are red is the report's decision.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  LoadError,
  openSession,
  type AttachedPoint,
  type FailedAlternative,
  type Session,
} from '@sonde/core';
import type { ProbeModule } from '@sonde/core/decode';
import { BpfObject } from '@sonde/core/libbpf';
import { readProbeObject } from '@sonde/core/loader';
import type { AttachIr, ProbeIr } from '@sonde/core/schema';
import { oneLine, writeEvidence } from './evidence.js';
import { releaseList } from './releases.js';
import { startTruth } from './truth.js';
import { loadUnattached } from './unattached.js';

/** What a survey needs of tap. */
export interface SurveyHost {
  test(name: string, body: (test: SurveyTest) => Promise<void>): unknown;
}

/** What a survey needs of its own test. */
export interface SurveyTest {
  ok(value: unknown, message: string): unknown;
  fail(message: string): unknown;
  teardown(handler: () => unknown): unknown;
  setTimeout(milliseconds: number): unknown;
}

/** One attach point of a round, with the alternative that is tried. */
interface Tried {
  readonly point: ProbeIr['attach'][number];
  readonly attach: AttachIr;
}

type Mode = ProbeIr['modes'][number];

/** Everything optional, so that one way that does not work leaves the others. */
function lenient(module: ProbeModule): ProbeModule {
  const attach = module.ir.attach.map(point => ({ ...point, need: 'optional' as const }));
  return { ...module, ir: { ...module.ir, attach } };
}

/** Switches on the points that are off by default. */
function switches(ir: ProbeIr): Record<string, number> {
  const names = ir.attach.flatMap(point => (point.when === undefined ? [] : [point.when.param]));
  const off = names.filter(name => ir.params.find(each => each.name === name)?.default === 0);
  return Object.fromEntries(off.map(name => [name, 1]));
}

/** The round-th alternative of each point that has so many. */
function roundOf(ir: ProbeIr, round: number): Tried[] {
  return ir.attach.flatMap(point => {
    const attach = point.oneOf[round];
    return attach === undefined ? [] : [{ point, attach }];
  });
}

function keepLog(probe: string, name: string, text: string): string {
  const folder = join('verifier', probe);
  const root = process.env['SONDE_OUT'] ?? '.';
  mkdirSync(join(root, folder), { recursive: true });
  const path = join(folder, `${name}.log`);
  writeFileSync(join(root, path), `${text}\n`);
  return path;
}

/** The kernel's own words: the verifier's verdict where there is one, else the whole message. */
function wordsOf(error: Error): string {
  const summary = error instanceof LoadError ? error.summary : '';
  return oneLine(summary === '' ? error.message : summary);
}

function isVerdict(error: Error): error is LoadError {
  return error instanceof LoadError && /^processed \d+ insns/m.test(error.log);
}

/** Runs the survey of one probe in one kernel. */
class Survey {
  readonly #module: ProbeModule;
  readonly #compiled: ReadonlySet<string>;
  /** Programs that the verifier refused; they are left out of later rounds. */
  readonly #refused = new Set<string>();
  /** Programs that were loaded, by mode. */
  readonly #known = new Set<string>();
  readonly #pid: number;
  recorded = 0;

  constructor(module: ProbeModule, compiled: ReadonlySet<string>, pid: number) {
    this.#module = module;
    this.#compiled = compiled;
    this.#pid = pid;
  }

  #open(tried: readonly Tried[], mode: Mode): Promise<Session> {
    const { ir } = this.#module;
    const names = new Set(tried.map(each => each.point.name));
    return openSession({
      pid: this.#pid,
      maxOverhead: 'off',
      verifierStatistics: true,
      probes: [
        {
          module: lenient(this.#module),
          mode,
          params: switches(ir),
          attach: Object.fromEntries(tried.map(each => [each.point.name, each.attach.name])),
          skipPoints: ir.attach.map(each => each.name).filter(name => !names.has(name)),
        },
      ],
    });
  }

  /** Tries one alternative of each point, at once. */
  async round(round: number, mode: Mode): Promise<void> {
    const all = roundOf(this.#module.ir, round);
    for (;;) {
      const tried = all.filter(each => !this.#refused.has(each.attach.program));
      if (tried.length === 0) return;
      const session = await this.#open(tried, mode);
      const probe = session.probes[0];
      const points = probe?.points ?? [];
      const verdicts = points.flatMap(point => point.failures).filter(f => isVerdict(f.error));
      if (verdicts.length === 0) {
        for (const program of probe?.programs ?? []) this.#loaded(program, mode);
        for (const each of tried) this.#attached(each, points);
        await session.close();
        return;
      }
      await session.close();
      // Once a program was refused, the kernel is not asked for the statistics of the others.
      for (const { error } of verdicts) this.#wasRefused(error as LoadError, mode);
      for (const each of tried) {
        if (this.#refused.has(each.attach.program)) this.#attached(each, points);
      }
    }
  }

  /** Loads what no round could load, because the target has no place for it. */
  async rest(mode: Mode): Promise<void> {
    const { ir } = this.#module;
    const names = ir.attach.flatMap(point => point.oneOf.map(way => way.program));
    const left = names.filter(
      name =>
        this.#compiled.has(name) && !this.#refused.has(name) && !this.#known.has(`${mode} ${name}`),
    );
    if (left.length === 0) return;
    const answer = await loadUnattached(this.#module, new Set(left), switches(ir), mode).catch(
      // What this kernel cannot load at all, such as fentry before BTF, its way to attach has said.
      (error: unknown) => (error instanceof LoadError ? undefined : Promise.reject(error)),
    );
    for (const program of answer?.verified ?? []) this.#loaded(program, mode);
    for (const error of answer?.refused.values() ?? []) {
      if (isVerdict(error)) this.#wasRefused(error, mode);
    }
  }

  #loaded(program: NonNullable<Session['probes'][number]['programs']>[number], mode: Mode): void {
    const { name, ...counts } = program;
    const probe = this.#module.ir.name;
    const state = { program: name, mode, compiled: true, loaded: true };
    this.#known.add(`${mode} ${name}`);
    writeEvidence({ kind: 'program', probe, ...state, ...counts });
    this.recorded++;
  }

  #wasRefused(error: LoadError, mode: Mode): void {
    const { program, log } = error;
    if (this.#refused.has(program)) return;
    this.#refused.add(program);
    const probe = this.#module.ir.name;
    writeEvidence({
      kind: 'program',
      probe,
      program,
      mode,
      compiled: this.#compiled.has(program),
      loaded: false,
      reason: wordsOf(error),
      log: keepLog(probe, program, log),
    });
    this.recorded++;
  }

  #attached({ point, attach }: Tried, points: readonly AttachedPoint[]): void {
    const found = points.find(each => each.point === point.name);
    const failure: FailedAlternative | undefined = found?.failures[0];
    const attached = found?.alternative === attach.name && found.attached;
    const reason = failure === undefined ? (found?.error ?? 'it was not tried') : undefined;
    writeEvidence({
      kind: 'attach',
      probe: this.#module.ir.name,
      point: point.name,
      need: point.need,
      alternative: attach.name,
      attachKind: attach.kind,
      program: attach.program,
      attached,
      ...(!attached && { reason: reason ?? wordsOf((failure as FailedAlternative).error) }),
    });
    this.recorded++;
  }
}

/** The object's programs, or undefined with evidence of why there are none. */
function openObject(module: ProbeModule): ReadonlySet<string> | undefined {
  const { name: probe, hash, verifierBudget: budget } = module.ir;
  const about = { kind: 'object', probe, hash, ...(budget !== undefined && { budget }) } as const;
  try {
    const object = new BpfObject(probe, readProbeObject(module.ir, module.objectBase));
    const names = new Set(object.programNames);
    object.close();
    writeEvidence({ ...about, compiled: true });
    return names;
  } catch (error) {
    writeEvidence({ ...about, compiled: false, reason: oneLine((error as Error).message) });
    return undefined;
  }
}

/** Adds the survey of a probe to a suite of tests. */
export function surveyProbe(t: SurveyHost, module: ProbeModule): void {
  t.test(`survey of ${module.ir.name}: each program, each way to attach`, async test => {
    test.setTimeout(0);
    const compiled = openObject(module);
    if (compiled === undefined) return void test.fail('its object was not compiled');
    const program = releaseList().programs.at(-1);
    if (program === undefined) return void test.fail('no program was built to attach to');
    const workload = await startTruth(program);
    test.teardown(() => workload.stop());
    const survey = new Survey(module, compiled, workload.pid);
    const rounds = Math.max(...module.ir.attach.map(point => point.oneOf.length));
    for (const mode of module.ir.modes) {
      for (let round = 0; round < rounds; round++) await survey.round(round, mode);
      await survey.rest(mode);
    }
    test.ok(survey.recorded > 0, `${survey.recorded} findings`);
  });
}
