/**
 * `sonde doctor`: what works on this machine, what does not and why, and the one command that mends
 * it. The fact a reader gets wrong: whether tracing works is not read off versions. A ring buffer
 * is made and a probe fires on our own process; only that is an answer.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { calibrate, feature, FEATURE_NAMES, hostArch, type FeatureName } from '@sonde/core';
import { libbpfVersion } from '@sonde/core/libbpf';

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Nothing can be traced without it; others only take an alternative away. */
  readonly needed: boolean;
  /** What was tried and what came of it. */
  readonly why: string;
  /** The one command, or act, that mends it. */
  readonly mend?: string;
  /** First kernel that has it. */
  readonly since?: string;
}

/** What the doctor found. */
export interface Diagnosis {
  readonly schema: 'sonde.doctor/1';
  readonly host: { readonly works: boolean; readonly why: string };
  readonly kernel: string;
  readonly arch: string;
  readonly node: string;
  readonly checks: readonly Check[];
}

const NEEDED: ReadonlySet<FeatureName> = new Set(['ringBuffer', 'perfUprobe']);

/** Capabilities by bit (include/uapi/linux/capability.h). */
const CAPS = { SYS_PTRACE: 19, SYS_ADMIN: 21, PERFMON: 38, BPF: 39 } as const;

/** Looks at everything. Never throws: what cannot be looked at is a check that failed. */
export async function examine(): Promise<Diagnosis> {
  const checks: Check[] = [checkArch(), checkLibbpf(), checkRights()];
  const loads = checks.every(check => check.ok || !check.needed);
  if (checks[1]!.ok) {
    for (const name of FEATURE_NAMES) checks.push(await checkFeature(name));
    checks.push(checkFiring());
  }
  checks.push(checkBtf(), checkTool('clang', 'clang'), checkTool('llvm-strip', 'llvm'));
  const bad = checks.find(check => check.needed && !check.ok);
  const works = loads && bad === undefined;
  const { major } = parseNode();
  return {
    schema: 'sonde.doctor/1',
    host: { works, why: works ? 'a probe fired on this kernel' : `${bad!.name}: ${bad!.why}` },
    kernel: release(),
    arch: hostArchName(),
    node: `${process.version}${major >= 20 ? '' : ' (20 or later is needed)'}`,
    checks,
  };
}

function parseNode(): { readonly major: number } {
  return { major: Number(process.versions.node.split('.')[0]) };
}

function hostArchName(): string {
  try {
    return hostArch();
  } catch {
    return process.arch;
  }
}

function checkArch(): Check {
  const name = 'architecture';
  try {
    return { name, ok: true, needed: true, why: hostArch() };
  } catch (error) {
    const mend = 'trace on an x86_64 or arm64 machine';
    return { name, ok: false, needed: true, why: messageOf(error), mend };
  }
}

function checkLibbpf(): Check {
  const name = 'libbpf';
  try {
    const { major, minor } = parseVersion(libbpfVersion());
    const why = `libbpf ${major}.${minor}`;
    if (major > 1 || (major === 1 && minor >= 1)) return { name, ok: true, needed: true, why };
    const mend = 'sudo apt-get install -y libbpf1';
    return { name, ok: false, needed: true, why: `${why}, 1.1 is needed`, mend };
  } catch (error) {
    const mend = 'sudo apt-get install -y libbpf1';
    return { name, ok: false, needed: true, why: messageOf(error), mend };
  }
}

function parseVersion(text: string): { readonly major: number; readonly minor: number } {
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(text) ?? [];
  return { major: Number(major), minor: Number(minor) };
}

/** Effective capabilities; root in a container may lack them. */
function checkRights(): Check {
  const name = 'rights';
  const held = effectiveCapabilities();
  const has = (bit: number) => ((held >> BigInt(bit)) & 1n) === 1n;
  const loading = has(CAPS.SYS_ADMIN) || (has(CAPS.BPF) && has(CAPS.PERFMON));
  const missing = [
    ...(loading ? [] : ['CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN)']),
    ...(has(CAPS.SYS_PTRACE) ? [] : ['CAP_SYS_PTRACE']),
  ];
  if (missing.length === 0) {
    return { name, ok: true, needed: true, why: 'programs may be loaded and processes read' };
  }
  const root = process.geteuid?.() === 0;
  const mend = root ? 'run outside of the container, or grant them to it' : 'sudo sonde doctor';
  return { name, ok: false, needed: true, why: `${missing.join(', ')} missing`, mend };
}

function effectiveCapabilities(): bigint {
  try {
    const text = readFileSync('/proc/self/status', 'latin1');
    return BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(text)?.[1] ?? '0'}`);
  } catch {
    return 0n;
  }
}

async function checkFeature(name: FeatureName): Promise<Check> {
  const needed = NEEDED.has(name);
  try {
    const { since, available, evidence, hint } = await feature(name);
    const mend =
      hint ?? `a kernel ${isOlder(release(), since) ? `from ${since} on` : 'built with it'}`;
    const base = { name, ok: available, needed, why: evidence, since };
    return available ? base : { ...base, mend };
  } catch (error) {
    return { name, ok: false, needed, why: messageOf(error) };
  }
}

/** The proof: probes on our own code were hit as often as it ran. */
function checkFiring(): Check {
  const { measured, evidence } = calibrate();
  const name = 'probe fires';
  const base = { name, ok: measured, needed: true, why: evidence };
  return measured
    ? base
    : { ...base, mend: 'see the checks above; the first that failed explains it' };
}

function checkBtf(): Check {
  const path = '/sys/kernel/btf/vmlinux';
  const ok = existsSync(path);
  const why = ok ? path : `${path} does not exist`;
  const mend = 'a kernel with CONFIG_DEBUG_INFO_BTF (all of Debian since 11)';
  return { name: 'kernel BTF', ok, needed: true, why, ...(ok ? {} : { mend }) };
}

/** Tools that only building probes needs. */
function checkTool(tool: string, debianPackage: string): Check {
  const name = tool;
  try {
    const first = execFileSync(tool, ['--version'], { encoding: 'utf8', timeout: 5000 });
    const why =
      first
        .split('\n')
        .find(line => /version/i.test(line))
        ?.trim() ?? 'found';
    return { name, ok: true, needed: false, why };
  } catch {
    const mend = `sudo apt-get install -y ${debianPackage}`;
    return {
      name,
      ok: false,
      needed: false,
      why: 'not found; only building probes needs it',
      mend,
    };
  }
}

/** Whether a kernel release is before a version such as `5.15`. */
function isOlder(kernel: string, since: string): boolean {
  const mine = parseVersion(kernel);
  const first = parseVersion(since);
  return mine.major < first.major || (mine.major === first.major && mine.minor < first.minor);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
