/** `sonde doctor` on the screen: the answer first, then every check with its reason. */
import { examine, type Check, type Diagnosis } from './doctor.js';
import { EXIT } from './exit-codes.js';
import type { Surround } from './terminal.js';
import { wrapLines } from './wrapped.js';

const NAME = 24;

/** Prints what works here. The exit code is 0 whatever was found: the doctor did its work. */
export async function doctor(json: boolean, surround: Surround): Promise<number> {
  const diagnosis = await examine();
  surround.out(
    json
      ? `${JSON.stringify(diagnosis, undefined, 2)}\n`
      : writeDiagnosis(diagnosis, surround.width),
  );
  return EXIT.done;
}

/** The diagnosis as text; ends with a newline. */
export function writeDiagnosis(diagnosis: Diagnosis, width: number): string {
  const { host, kernel, arch, node, checks } = diagnosis;
  const room = Math.max(40, Math.min(width, 110) - NAME);
  const lines = [
    host.works ? 'Tracing works here.' : `Tracing does not work here: ${host.why}`,
    `kernel ${kernel}, ${arch}, node ${node}`,
    '',
  ];
  const row = (label: string, text: string) =>
    wrapLines(text, room).forEach((part, index) =>
      lines.push(((index === 0 ? label : '').padEnd(NAME) + part).trimEnd()),
    );
  for (const check of checks) {
    row(`${markOf(check)} ${check.name}`, check.why);
    if (!check.ok && check.mend !== undefined) row('', `mend: ${check.mend}`);
  }
  lines.push('', 'ok: works   --: not here, another way is taken   NO: needed and missing');
  return `${lines.join('\n')}\n`;
}

function markOf(check: Check): string {
  if (check.ok) return 'ok';
  return check.needed ? 'NO' : '--';
}
