/**
 * What a trace needs of a session, and no more: a Session of core is one, and tests make their own.
 * The fact a reader gets wrong: `attached` of a point turns false when the session ends, so whether
 * a point worked is told by its alternative, and whether it was taken off by `detachedAtNs`.
 */
import type { Session } from '@sonde/core';
import type { MapEntry, Target } from '@sonde/core/target';

/** The traced process, as far as a trace reads it. */
export type TracedProcess = Pick<
  Target,
  'memorySample' | 'refreshMaps' | 'residentPages' | 'cpuNs'
> & { maps(): readonly Pick<MapEntry, 'start' | 'end' | 'path'>[] };

/** The session, as far as a trace uses it. */
export type TracedSession = Pick<
  Session,
  'probes' | 'onEvent' | 'drain' | 'readMap' | 'refresh' | 'losses' | 'cost' | 'ended' | 'stop'
> &
  Partial<Pick<Session, 'canonicalStack'>> & { readonly process: TracedProcess };
