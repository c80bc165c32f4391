/** The list of probes as text. */
import type { FoundProbe } from './discovery.js';
import { wrapLines } from './wrapped.js';

/** The column of what is said, unless a probe's name is longer. */
const INDENT = 14;

/** One paragraph per probe; ends with a newline. */
export function writeText(probes: readonly FoundProbe[], width: number): string {
  if (probes.length === 0) {
    return 'no probe was found; give one with --probe PATH, or install a package that has one\n';
  }
  const indent = Math.max(INDENT, ...probes.map(probe => probe.module.ir.name.length + 2));
  const room = Math.max(40, Math.min(width, 110) - indent);
  const lines: string[] = [];
  for (const {
    package: from,
    module: { ir },
  } of probes) {
    const label = (name: string, text: string) =>
      wrapLines(text, room).forEach((part, index) =>
        lines.push((index === 0 ? name : '').padEnd(indent) + part),
      );
    label(ir.name, ir.about);
    label('  events', ir.events.map(event => event.name).join(', '));
    for (const point of ir.attach.filter(each => each.oneOf.length > 1)) {
      label('  attach', `${point.name} by ${point.oneOf.map(each => each.name).join(', else ')}`);
    }
    if (ir.params.length > 0) {
      label('  params', ir.params.map(param => `${param.name} = ${param.default}`).join(', '));
    }
    label('  from', from);
    lines.push('');
  }
  lines.push('sonde probes NAME shows what it reports; sonde run NAME --pid N its events.');
  return `${lines.join('\n')}\n`;
}
