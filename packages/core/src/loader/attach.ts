/**
 * Attaches one alternative of an attach point. The fact that is easy to get wrong: on Go code a
 * return is never seen by a uretprobe (it kills the process): `goReturn` arrives here as plain
 * places on RET or emulated instructions, and only `cReturn` asks for a return probe.
 */
import { readFileSync } from 'node:fs';
import { UnsupportedError } from '../errors.js';
import {
  attachKprobe,
  attachPageFaultEvents,
  attachRawTracepoint,
  attachTrace,
  attachTracepoint,
  attachUprobe,
  attachUprobeMulti,
  type BpfObject,
  type Link,
  type UprobePlace,
} from '../libbpf/index.js';
import type { AttachIr } from '../schema/index.js';
import type { FeatureName, Features } from './features.js';

/** A place in the target where a program of a user-space alternative goes. */
export interface UserPlace {
  /** A path that this process can open. */
  readonly file: string;
  readonly fileOffset: number;
  readonly siteId: number;
}

/** What an attachment needs to know beyond the alternative itself. */
export interface AttachContext {
  readonly object: BpfObject;
  readonly features: Features;
  /** Target's pid in our namespace. */
  readonly pid: number;
}

/** Kinds of alternative that are places in the target's own files. */
export type UserKind = 'cFunction' | 'cReturn' | 'goEntry' | 'goReturn' | 'goCall';

/** Whether an alternative lies in user space. */
export function isUserKind(kind: AttachIr['kind']): kind is UserKind {
  return ['cFunction', 'cReturn', 'goEntry', 'goReturn', 'goCall'].includes(kind);
}

/** Whether user probes go by uprobe_multi links in this session. */
export function usesMultiLinks(features: Features): boolean {
  return features.has('uprobeMulti') && features.has('uprobeMultiProcess');
}

/** Throws UnsupportedError when the kernel lacks what a kind of alternative stands on. */
export function requireFeature(attach: AttachIr, features: Features): void {
  const needs: Readonly<Record<AttachIr['kind'], FeatureName>> = {
    cFunction: 'perfUprobe',
    cReturn: 'perfUprobe',
    goEntry: 'perfUprobe',
    goReturn: 'perfUprobe',
    goCall: 'perfUprobe',
    kprobe: 'kprobe',
    kretprobe: 'kprobe',
    fentry: 'fentry',
    fexit: 'fentry',
    rawTracepoint: 'rawTracepoint',
    btfTracepoint: 'btfTracepoint',
    tracepoint: 'tracepoint',
    perfSoftware: 'perfSoftware',
  };
  const found = features.get(needs[attach.kind]);
  if (found.available) return;
  const lack = `${found.name} (Linux ${found.since}) is not available: ${found.evidence}`;
  throw new UnsupportedError(
    `attach ${attach.name}: ${lack}`,
    { feature: found.name, since: found.since },
    found.hint === undefined ? {} : { hint: found.hint },
  );
}

/**
 * Attaches a user-space alternative to all its places: one link per file where uprobe_multi works,
 * else one per place. Returns the links; on error those already made are closed. Throws LoadError.
 */
export function attachUser(
  attach: AttachIr,
  places: readonly UserPlace[],
  context: AttachContext,
): Link[] {
  const { object, features, pid } = context;
  const cookies = features.has('cookies');
  const uprobes = places.map((place): UprobePlace => ({
    path: place.file,
    fileOffset: place.fileOffset,
    pid,
    returns: attach.kind === 'cReturn',
    cookie: cookies ? BigInt(place.siteId) : 0n,
  }));
  const links: Link[] = [];
  try {
    if (usesMultiLinks(features)) {
      for (const path of new Set(uprobes.map(place => place.path))) {
        const inFile = uprobes.filter(place => place.path === path);
        links.push(attachUprobeMulti(object, attach.program, inFile));
      }
    } else {
      for (const place of uprobes) links.push(attachUprobe(object, attach.program, place));
    }
    return links;
  } catch (error) {
    for (const link of links) void link.close();
    throw error;
  }
}

/** CPUs that are online, from a list such as `0-3,6`. */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const part of text.trim().split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (match === null) continue;
    const first = Number(match[1]);
    for (let cpu = first; cpu <= Number(match[2] ?? first); cpu++) cpus.push(cpu);
  }
  return cpus;
}

function onlineCpus(): number[] {
  return parseCpuList(readFileSync('/sys/devices/system/cpu/online', 'utf8'));
}

/** Attaches an alternative that lies in the kernel. Throws LoadError. */
export function attachKernel(attach: AttachIr, siteId: number, context: AttachContext): Link {
  const { object, features } = context;
  const { program } = attach;
  const cookie = features.has('cookies') ? BigInt(siteId) : 0n;
  switch (attach.kind) {
    case 'kprobe':
    case 'kretprobe': {
      const returns = attach.kind === 'kretprobe';
      return attachKprobe(object, program, { symbol: attach.symbol, returns, cookie });
    }
    case 'fentry':
    case 'fexit':
    case 'btfTracepoint':
      return attachTrace(object, program);
    case 'rawTracepoint':
      return attachRawTracepoint(object, program, attach.symbol);
    case 'tracepoint': {
      const { category, symbol } = attach;
      return attachTracepoint(object, program, { category, name: symbol, cookie });
    }
    case 'perfSoftware': {
      const links = features.has('cookies');
      return attachPageFaultEvents(object, program, { cpus: onlineCpus(), cookie, links });
    }
    default:
      throw new TypeError(`attach ${attach.name}: ${attach.kind} does not lie in the kernel`);
  }
}
