/**
 * Loads programs that no program of known truth has a place for: functions that Go's linker left
 * out of it, or that other releases have.
 *
 * The fact readers get wrong: whether a kernel takes a program does not depend on the target, but
 * which of its branches are verified does, because the target's facts are constants at load. So
 * every fact is set here, as for a target of which all is known.
 */
import type { ProbeModule } from '@sonde/core/decode';
import { Features, loadProbe, readProbeObject, type LoadedProbe } from '@sonde/core/loader';
import { SONDE_TARGET, type ProbeIr } from '@sonde/core/schema';

/** An offset or an address, aligned as each of Go's runtime is. */
const PLACE = 8;
/** A number or an answer. */
const YES = 1;

async function everyFact(): Promise<Record<string, number>> {
  const features = await Features.ask();
  const known = SONDE_TARGET.fields.flatMap(({ name, type, padding }) => {
    if (padding === true || type.kind !== 'scalar') return [];
    const isPlace = type.unit === 'bytes' || type.unit === 'address';
    return [[name, isPlace ? PLACE : YES] as const];
  });
  return {
    ...Object.fromEntries(known),
    // A kernel without attach cookies refuses the helper that reads them.
    hasCookie: features.has('cookies') ? 1 : 0,
    eventBase: 256,
  };
}

/** What the kernel said of these programs; nothing stays loaded. Throws as loading does. */
export async function loadUnattached(
  module: ProbeModule,
  programs: ReadonlySet<string>,
  params: Readonly<Record<string, number>>,
  mode: ProbeIr['modes'][number],
): Promise<Pick<LoadedProbe, 'verified' | 'refused'>> {
  const { ir } = module;
  const plan = {
    ir,
    bytes: readProbeObject(ir, module.objectBase),
    config: { target: await everyFact(), params, mode },
    shared: new Map(),
    mapEntries: {},
    programs,
    multiPrograms: new Set<string>(),
    verifierStatistics: true,
  };
  const { object, verified, refused } = loadProbe(plan, programs);
  object.close();
  return { verified, refused };
}
