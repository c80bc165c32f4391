/** `sonde probes`: the probes that were found, with what they see and how they attach. */
import { writeText } from './probes-text.js';
import { findProbes, type SearchOptions } from './discovery.js';
import { EXIT } from './exit-codes.js';
import type { Surround } from './terminal.js';

/** Lists probes as text, or as JSON: name, package, modes, events, parameters, attach points. */
export async function listProbes(
  search: SearchOptions,
  json: boolean,
  surround: Surround,
): Promise<number> {
  const probes = await findProbes(search);
  if (!json) {
    surround.out(writeText(probes, surround.width));
    return EXIT.done;
  }
  const list = probes.map(({ package: from, module: { ir } }) => ({
    name: ir.name,
    package: from,
    about: ir.about,
    modes: ir.modes,
    events: ir.events.map(({ name, about }) => ({ name, about })),
    params: ir.params.map(param => ({
      name: param.name,
      about: param.about,
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
