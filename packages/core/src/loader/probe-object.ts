/**
 * A probe's BPF object from file to loaded programs. The fact that is easy to get wrong: libbpf
 * loads all or nothing, so an alternative that this kernel refuses (a trampoline without its
 * function, say) is found by failing, and the object is opened again without it.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LoadError } from '../errors.js';
import {
  BPF_TRACE_UPROBE_MULTI,
  BpfObject,
  Errno,
  errnoText,
  programStatistics,
  type MapHandle,
  type RefusedLoad,
} from '../libbpf/index.js';
import type { MapIr, ProbeIr } from '../schema/index.js';
import { CONFIG_SECTION, writeConfig, type ProbeConfig } from './config-section.js';
import { hostArch } from './host-arch.js';
import { explainRejection, rejectionLines } from './rejection.js';
import { readVerifierCounts, readVerifierLog, shortSummary } from './verifier-log.js';

/** How to get an object, in this workspace and for a probe that is a package of its own. */
function compileHint({ name }: ProbeIr): string {
  return `compile it: npx nx run probe-${name}:bpf, or npm run build where it is a package alone`;
}

/**
 * Reads a probe's object file for this machine from `objectBase`, or from the folder that the
 * environment variable SONDE_OBJECT_DIR names. Throws LoadError when it is not there.
 */
export function readProbeObject(ir: ProbeIr, objectBase: URL): Uint8Array {
  const file = `${ir.name}.${hostArch()}.bpf.o`;
  const directory = process.env['SONDE_OBJECT_DIR'];
  const path =
    directory === undefined || directory === ''
      ? fileURLToPath(new URL(file, objectBase))
      : `${directory}/${file}`;
  try {
    return readFileSync(path);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = missing
      ? `it is not compiled, there is no ${path}`
      : `cannot read its object: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new LoadError(`load probe ${ir.name}: ${reason}`, {}, { cause, hint: compileHint(ir) });
  }
}

/** Everything that is decided before the kernel sees the object. */
export interface LoadPlan {
  readonly ir: ProbeIr;
  readonly bytes: Uint8Array;
  readonly config: ProbeConfig;
  /** Maps of the session that replace the object's own, by name. */
  readonly shared: ReadonlyMap<string, MapHandle>;
  /** Sizes by map name that override the schema's. */
  readonly mapEntries: Readonly<Record<string, number>>;
  /** Programs to load; all others stay out. */
  readonly programs: ReadonlySet<string>;
  /** Programs that will be attached by uprobe_multi links. */
  readonly multiPrograms: ReadonlySet<string>;
  /** Whether the verifier is asked for its statistics of every program. Default false. */
  readonly verifierStatistics?: boolean;
}

/** `maxLive` → `max_live`: the name of a schema's map in C. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
}

function mapSize(map: MapIr, plan: LoadPlan): number {
  const override = plan.mapEntries[map.name];
  if (override !== undefined) return override;
  if (typeof map.maxEntries === 'number') return map.maxEntries;
  const { param } = map.maxEntries;
  const set = plan.config.params[param];
  if (set !== undefined) return set;
  const declared = plan.ir.params.find(each => each.name === param);
  if (declared === undefined) throw new LoadError(`size map ${map.name}: no parameter ${param}`);
  return declared.default;
}

function prepare(object: BpfObject, plan: LoadPlan): void {
  if (!object.hasMap(CONFIG_SECTION)) {
    throw new LoadError(`load probe ${plan.ir.name}: its object has no section ${CONFIG_SECTION}`);
  }
  writeConfig(object.initialValue(CONFIG_SECTION), plan.ir, plan.config);
  for (const map of plan.ir.maps) {
    const name = snakeCase(map.name);
    if (object.hasMap(name)) object.setMaxEntries(name, mapSize(map, plan));
  }
  for (const [name, map] of plan.shared) {
    if (object.hasMap(name)) object.reuseMap(name, map.fd);
  }
  for (const name of object.programNames) object.setAutoload(name, plan.programs.has(name));
  for (const name of plan.multiPrograms) {
    if (plan.programs.has(name)) object.setExpectedAttachType(name, BPF_TRACE_UPROBE_MULTI);
  }
}

/** What libbpf said, where the verifier said nothing: its first words about the program. */
function libbpfSummary(refused: RefusedLoad): string {
  const about = refused.messages.find(message => message.includes(`'${refused.program}'`));
  const message = about ?? refused.messages.at(-1) ?? errnoText(refused.errno);
  return message.replace(/^libbpf: (prog '[^']*': )?/, '');
}

/** The explanation's lines; none where the verifier said nothing or the object cannot be read. */
function explain(refused: RefusedLoad, plan: Pick<LoadPlan, 'ir' | 'bytes'>): string[] {
  if (refused.verifierLog === '' || refused.program === '') return [];
  try {
    const { verifierLog, program } = refused;
    return rejectionLines(explainRejection(verifierLog, plan.bytes, program, plan.ir));
  } catch {
    // An object that libbpf took and we cannot read costs the explanation, never the error itself.
    return [];
  }
}

/**
 * The error for a refused load: one line, the C source line, the whole log, and with `plan` the
 * explanation.
 */
export function refusalError(
  subject: string,
  refused: RefusedLoad,
  plan?: Pick<LoadPlan, 'ir' | 'bytes'>,
): LoadError {
  const verdict = readVerifierLog(refused.verifierLog);
  const said = shortSummary(verdict);
  const summary = said === '' ? libbpfSummary(refused) : said;
  const where = verdict.source === '' ? '' : `, at: ${verdict.source}`;
  const program = refused.program === '' ? '' : `, program ${refused.program}`;
  return new LoadError(`load ${subject}${program}: ${summary}${where}`, {
    program: refused.program,
    summary,
    source: verdict.source,
    log: [refused.messages.join('\n'), refused.verifierLog].filter(part => part !== '').join('\n'),
    errno: refused.errno,
    ...(plan === undefined ? {} : { explanation: explain(refused, plan) }),
  });
}

/** A loaded object, and the programs that had to be left out, each with the reason. */
export interface LoadedProbe {
  readonly object: BpfObject;
  readonly refused: ReadonlyMap<string, LoadError>;
  /** What verifying took, for each program that was loaded. */
  readonly verified: readonly VerifiedProgram[];
}

/** What the verifier went through for one program; what the kernel does not tell is absent. */
export interface VerifiedProgram {
  readonly name: string;
  /** Instructions processed, of which a program may take 1,000,000; from Linux 5.16 on. */
  readonly instructions?: number;
  /** States kept over the whole run, and the most at one time; only with `verifierStatistics`. */
  readonly totalStates?: number;
  readonly peakStates?: number;
}

function verifiedProgram(object: BpfObject, name: string): VerifiedProgram {
  const counts = readVerifierCounts(object.statisticsText(name));
  if (counts !== undefined) return { name, ...counts };
  const { verifiedInstructions } = programStatistics(object.programFd(name));
  return { name, ...(verifiedInstructions > 0 && { instructions: verifiedInstructions }) };
}

function verifiedPrograms(object: BpfObject, names: ReadonlySet<string>): VerifiedProgram[] {
  return object.programNames
    .filter(name => names.has(name))
    .map(name => verifiedProgram(object, name));
}

const INTERRUPTIONS_MAX = 5;

/**
 * Opens, prepares and loads. A program in `optional` that the kernel refuses is left out and the
 * rest tried again. Throws LoadError for any other refusal; nothing stays open then.
 */
export function loadProbe(plan: LoadPlan, optional: ReadonlySet<string>): LoadedProbe {
  const refused = new Map<string, LoadError>();
  const programs = new Set(plan.programs);
  let interruptions = 0;
  let statistics = plan.verifierStatistics === true;
  for (;;) {
    const object = new BpfObject(plan.ir.name, plan.bytes);
    let failure: LoadError;
    try {
      prepare(object, { ...plan, programs });
      if (statistics) for (const name of programs) object.keepStatistics(name);
      const answer = object.load();
      if (answer === undefined) {
        return { object, refused, verified: verifiedPrograms(object, programs) };
      }
      failure = refusalError(`probe ${plan.ir.name}`, answer, plan);
    } catch (error) {
      object.close();
      throw error;
    }
    object.close();
    // The verifier gives up when a signal comes in, and says so; the program is not at fault.
    if (failure.errno === Errno.EAGAIN && interruptions++ < INTERRUPTIONS_MAX) continue;
    if (statistics) {
      // Asked for statistics alone, the verifier does not say at which instruction it stopped.
      statistics = false;
      continue;
    }
    const { program } = failure;
    if (!programs.has(program) || !optional.has(program)) throw failure;
    refused.set(program, failure);
    programs.delete(program);
  }
}
