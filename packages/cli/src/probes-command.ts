/** `sonde probes`: the probes that were found, with what they see and how they attach. */
import { eventsOf, writeProbePage } from './probe-page.js';
import { writeText } from './probes-text.js';
import { findProbes, pickProbe, type SearchOptions } from './discovery.js';
import { EXIT } from './exit-codes.js';
import type { Surround } from './terminal.js';

/**
 * Lists probes as text, or as JSON: name, package, modes, events with their fields, parameters,
 * attach points. With a name only that probe, and its whole page; throws UsageError where there is
 * none of that name.
 */
export async function listProbes(
  search: SearchOptions,
  json: boolean,
  name: string | undefined,
  surround: Surround,
): Promise<number> {
  const all = await findProbes(search);
  const picked = name === undefined ? undefined : pickProbe(all, name);
  const probes = picked === undefined ? all : [picked];
  if (!json) {
    const { width } = surround;
    surround.out(picked === undefined ? writeText(all, width) : writeProbePage(picked, width));
    return EXIT.done;
  }
  const list = probes.map(({ package: from, module: { ir } }) => ({
    name: ir.name,
    package: from,
    about: ir.about,
    modes: ir.modes,
    events: eventsOf(ir),
    params: ir.params.map(param => ({
      name: param.name,
      about: param.about,
      unit: param.unit,
      default: param.default,
    })),
    attach: ir.attach.map(({ name, about, need, oneOf }) => ({
      name,
      about,
      need,
      oneOf: oneOf.map(each => ({ name: each.name, kind: each.kind })),
    })),
  }));
  surround.out(`${JSON.stringify({ schema: 'sonde.probes/1', probes: list }, undefined, 2)}\n`);
  return EXIT.done;
}
