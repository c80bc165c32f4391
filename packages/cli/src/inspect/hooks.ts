/**
 * Where every hook of every probe would go in one program. The fact a reader gets wrong: the first
 * alternative that has a place here is what a trace tries first, and the kernel may still refuse
 * it; so what lies behind it is shown as well.
 */
import { UnsupportedError } from '@sonde/core';
import type { AttachIr, AttachPointIr } from '@sonde/core/schema';
import type { AttachLocation, TargetAttachIr } from '@sonde/core/target';
import type { FoundProbe } from '../discovery.js';
import type { Hook, HookAlternative, HookSite } from './inspection.js';

/** Finds the places of one alternative; throws UnsupportedError where there is none. */
export type Resolve = (attach: TargetAttachIr) => readonly AttachLocation[];

/** What the search needs beside the probes. */
export interface HookSearch {
  readonly resolve: Resolve;
  /** True where the program maps its C library only when it runs, and it does not run. */
  readonly libraryComesLater: boolean;
  /** False for a program without cgo, which has no C heap. */
  readonly cgo: boolean;
}

function inTarget(attach: AttachIr): attach is TargetAttachIr {
  return ['cFunction', 'cReturn', 'goEntry', 'goReturn', 'goCall'].includes(attach.kind);
}

function siteOf(place: AttachLocation): HookSite {
  return {
    function: place.symbol,
    module: place.module,
    address: `0x${place.address.toString(16)}`,
    fileOffset: place.fileOffset,
    instruction: place.instruction,
    costClass: place.costClass,
  };
}

/** The cause alone: the message begins with the alternative's name, which is shown beside it. */
function causeOf(error: UnsupportedError): string {
  return error.message.replace(/^attach [^:]*(?::[^ :]+)*: /, '');
}

function alternativeOf(attach: AttachIr, search: HookSearch): HookAlternative {
  const { name, kind } = attach;
  const base = { name, kind, reason: null, sites: [] };
  if (!inTarget(attach)) return { ...base, state: 'kernel' };
  const inLibrary =
    (attach.kind === 'cFunction' || attach.kind === 'cReturn') && attach.library !== 'executable';
  if (inLibrary && !search.cgo) {
    const reason = 'the program does not use cgo, so it has no C heap';
    return { ...base, state: 'missing', reason };
  }
  try {
    return { ...base, state: 'works', sites: search.resolve(attach).map(siteOf) };
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    if (inLibrary && search.libraryComesLater) return { ...base, state: 'library' };
    return { ...base, state: 'missing', reason: causeOf(error) };
  }
}

function hookOf(probe: string, point: AttachPointIr, search: HookSearch): Hook {
  const all = point.oneOf.map(attach => alternativeOf(attach, search));
  const first = all.findIndex(each => each.state !== 'missing');
  return {
    probe,
    point: point.name,
    about: point.about,
    need: point.need,
    when: point.when?.param ?? null,
    alternatives: all.map((each, index) =>
      index === first && each.state === 'works' ? { ...each, state: 'first' as const } : each,
    ),
  };
}

/** All attach points of all probes, in the probes' order. */
export function findHooks(probes: readonly FoundProbe[], search: HookSearch): Hook[] {
  return probes.flatMap(({ module: { ir } }) =>
    ir.attach.map(point => hookOf(ir.name, point, search)),
  );
}
