/**
 * What the running kernel can do, as values: name, first release that has it, and what was seen.
 * The fact that is easy to get wrong: `since` is for the error message, never for the decision;
 * distributions backport, containers forbid, so every answer comes from trying.
 */
import { existsSync } from 'node:fs';
import {
  closeFd,
  closeFdAsync,
  createMap,
  createUprobeMultiLink,
  Errno,
  loadRawProgram,
  MachineCode,
  MapType,
  openPerfEvent,
  pageBytes,
  ProgramType,
  SystemCallError,
} from '../libbpf/index.js';
import { CountingProgram, encodeInstructions, type Instruction } from './counting-program.js';

/** One thing that a kernel may lack. */
export interface Feature {
  readonly name: FeatureName;
  /** First mainline release that has it. */
  readonly since: string;
  readonly available: boolean;
  /** What was tried and what came of it, in one line. */
  readonly evidence: string;
  /** The one thing that would mend it, where there is one. */
  readonly hint?: string;
}

/** The answer of one probe. Only conclusive ones are kept: missing rights prove nothing. */
interface Answer {
  readonly available: boolean;
  readonly evidence: string;
  readonly conclusive: boolean;
  readonly hint?: string;
}

const ROOT_HINT = 'run as root, or with CAP_BPF and CAP_PERFMON';

function yes(evidence: string): Answer {
  return { available: true, evidence, conclusive: true };
}

function no(evidence: string, hint?: string): Answer {
  const answer = { available: false, evidence, conclusive: true };
  return hint === undefined ? answer : { ...answer, hint };
}

/** Runs a probe whose failure by errno means "no", except where it means "not allowed to ask". */
function attempt(evidence: string, probe: () => void): Answer {
  try {
    probe();
    return yes(evidence);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    const refused = error.errno === Errno.EPERM || error.errno === Errno.EACCES;
    const scarce = error.errno === Errno.ENOMEM;
    return {
      available: false,
      evidence: error.message,
      conclusive: !refused && !scarce,
      ...(refused ? { hint: ROOT_HINT } : {}),
    };
  }
}

function loads(type: number, instructions: readonly Instruction[]): void {
  const code = encodeInstructions([...instructions, [0xb7, 0, 0, 0], [0x95, 0, 0, 0]]);
  closeFd(loadRawProgram({ name: 'sonde_feature', type, instructions: code }));
}

function cookies(): Answer {
  // bpf_get_attach_cookie is helper 174 (include/uapi/linux/bpf.h); r1 is the context already.
  return attempt('program with bpf_get_attach_cookie loads', () =>
    loads(ProgramType.KPROBE, [[0x85, 0, 0, 174]]),
  );
}

function pidNamespace(): Answer {
  return attempt('program with bpf_get_ns_current_pid_tgid loads', () =>
    loads(ProgramType.KPROBE, [
      [0xb7, 0x01, 0, 0], // r1 = dev
      [0xb7, 0x02, 0, 0], // r2 = ino
      [0xbf, 0xa3, 0, 0], // r3 = r10
      [0x07, 0x03, 0, -8],
      [0xb7, 0x04, 0, 8], // r4 = size
      [0x85, 0x00, 0, 120],
    ]),
  );
}

function ringBuffer(): Answer {
  return attempt('ring buffer map was created', () => {
    const shape = { type: MapType.RINGBUF, name: 'sonde_feature', keyBytes: 0, valueBytes: 0 };
    closeFd(createMap({ ...shape, maxEntries: pageBytes() }).fd);
  });
}

function device(name: string): Answer {
  const path = `/sys/bus/event_source/devices/${name}/type`;
  if (existsSync(path)) return yes(`${path} exists`);
  if (!existsSync('/sys/bus/event_source/devices')) {
    const evidence = '/sys/bus/event_source/devices is not there, so sysfs is not mounted';
    return { ...no(evidence, 'mount -t sysfs sysfs /sys'), conclusive: false };
  }
  return no(`${path} does not exist: the kernel was built without it`);
}

/** Attaches the counting program to `code`, limited to our own process. */
function linkToSelf(code: MachineCode, program: CountingProgram): number {
  return createUprobeMultiLink({
    programFd: program.fd,
    path: code.path,
    fileOffsets: [code.at.emulated],
    cookies: [],
    pid: process.pid,
    returns: false,
  });
}

const SELF_TEST_HITS = 10;

/** What one link on our own code shows about uprobe_multi. */
interface MultiAnswers {
  readonly link: Answer;
  readonly process: Answer;
}

/**
 * Attaches a link limited to our pid and lets a thread of our pool, not the main one, run the
 * probed code. Before 6.10 (and stable backports of 46ba0e49b642) the kernel compared the pid with
 * the thread's, and none of these hits was seen.
 */
async function testMultiLink(): Promise<MultiAnswers> {
  const code = new MachineCode();
  let program: CountingProgram | undefined;
  let fd = -1;
  const link = attempt('a uprobe_multi link was attached to our own code', () => {
    program = new CountingProgram('uprobeMulti');
    fd = linkToSelf(code, program);
  });
  if (!link.available || program === undefined) {
    program?.close();
    code.close();
    return { link, process: link };
  }
  await code.runLoopOnThread(SELF_TEST_HITS);
  const seen = program.count();
  const counter = program;
  void closeFdAsync(fd).then(() => {
    counter.close();
    code.close();
  });
  const evidence = `${seen} of ${SELF_TEST_HITS} hits by another thread of our process were seen`;
  return { link, process: seen === SELF_TEST_HITS ? yes(evidence) : no(evidence) };
}

let multiAnswers: Promise<MultiAnswers> | undefined;

async function askMulti(): Promise<MultiAnswers> {
  multiAnswers ??= testMultiLink();
  const answers = await multiAnswers;
  if (!answers.link.conclusive) multiAnswers = undefined;
  return answers;
}

function kernelTypes(): Answer {
  const path = '/sys/kernel/btf/vmlinux';
  return existsSync(path)
    ? yes(`${path} exists; what of it can be traced shows when it is attached`)
    : no(`${path} does not exist: the kernel was built without CONFIG_DEBUG_INFO_BTF`);
}

function rawTracepoint(): Answer {
  return attempt('raw tracepoint program loads', () => loads(ProgramType.RAW_TRACEPOINT, []));
}

function tracefs(): Answer {
  for (const path of ['/sys/kernel/tracing/events', '/sys/kernel/debug/tracing/events']) {
    if (existsSync(path)) return yes(`${path} exists`);
  }
  const hint = 'sudo mount -t tracefs nodev /sys/kernel/tracing';
  return { ...no('tracefs is not mounted at /sys/kernel/tracing', hint), conclusive: false };
}

function softwareEvents(): Answer {
  return attempt('a page-faults event was opened', () => {
    closeFd(openPerfEvent({ type: 1, config: 2n, samplePeriod: 1n, pid: -1, cpu: 0 }));
  });
}

const FEATURES = {
  ringBuffer: { since: '5.8', probe: ringBuffer },
  perfUprobe: { since: '4.17', probe: () => device('uprobe') },
  uprobeMulti: { since: '6.6', probe: async () => (await askMulti()).link },
  uprobeMultiProcess: { since: '6.10', probe: async () => (await askMulti()).process },
  cookies: { since: '5.15', probe: cookies },
  pidNamespace: { since: '5.7', probe: pidNamespace },
  kprobe: { since: '4.17', probe: () => device('kprobe') },
  fentry: { since: process.arch === 'arm64' ? '6.0' : '5.5', probe: kernelTypes },
  rawTracepoint: { since: '4.17', probe: rawTracepoint },
  btfTracepoint: { since: '5.5', probe: kernelTypes },
  tracepoint: { since: '4.7', probe: tracefs },
  perfSoftware: { since: '4.9', probe: softwareEvents },
} as const;

/** Names of the features, for `feature()` and for overrides. */
export type FeatureName = keyof typeof FEATURES;

/** All feature names, in the order in which a doctor shows them. */
export const FEATURE_NAMES = Object.keys(FEATURES) as readonly FeatureName[];

const known = new Map<FeatureName, Promise<Feature>>();

async function probe(name: FeatureName): Promise<Feature> {
  const { since, probe: ask } = FEATURES[name];
  const answer = await ask();
  if (!answer.conclusive) known.delete(name);
  const { available, evidence, hint } = answer;
  return { name, since, available, evidence, ...(hint === undefined ? {} : { hint }) };
}

/**
 * Asks the kernel once and remembers a conclusive answer for the life of the process. Costs up to
 * some ms at the first call. Throws UnsupportedError without libbpf.
 */
export function feature(name: FeatureName): Promise<Feature> {
  const earlier = known.get(name);
  if (earlier !== undefined) return earlier;
  const asked = probe(name);
  known.set(name, asked);
  asked.catch(() => known.delete(name));
  return asked;
}

/** Features that the caller declares present or absent, so that both ways can be tested. */
export type FeatureOverrides = Readonly<Record<FeatureName, boolean>>;

/** Answers for one session: the kernel's, unless overridden. */
export class Features {
  readonly #answers: ReadonlyMap<FeatureName, Feature>;

  private constructor(answers: ReadonlyMap<FeatureName, Feature>) {
    this.#answers = answers;
  }

  /** Asks for all of them. `overrides` wins over the kernel, and says so in the evidence. */
  static async ask(overrides: Partial<FeatureOverrides> = {}): Promise<Features> {
    const answers = new Map<FeatureName, Feature>();
    for (const name of FEATURE_NAMES) {
      const forced = overrides[name];
      const since = FEATURES[name].since;
      if (forced === undefined) answers.set(name, await feature(name));
      else answers.set(name, { name, since, available: forced, evidence: 'set by the caller' });
    }
    return new Features(answers);
  }

  /** The answer for one feature. */
  get(name: FeatureName): Feature {
    return this.#answers.get(name) as Feature;
  }

  /** Whether one feature is there. */
  has(name: FeatureName): boolean {
    return this.get(name).available;
  }
}
