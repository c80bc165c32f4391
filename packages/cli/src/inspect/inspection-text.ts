/**
 * An inspection on the screen: what the program is, where each hook would go, what is missing. The
 * fact a reader gets wrong: nothing is left out of the JSON that stands here, but the text shows
 * only the first places of a hook and only the ways that a trace would take.
 */
import { wrapLines } from '../wrapped.js';
import type { Hook, HookAlternative, Inspection } from './inspection.js';

const LABEL = 13;
/** Places of one hook that are shown; the rest is counted. */
const SITES_SHOWN = 3;

/** The inspection as text of at most this width where words allow it; ends with a newline. */
export function writeInspection(inspection: Inspection, width: number): string {
  const room = Math.max(40, Math.min(width, 120) - LABEL);
  const lines: string[] = [];
  const row = (label: string, text: string) =>
    wrapLines(text, room).forEach((part, index) =>
      lines.push((index === 0 ? label : '').padEnd(LABEL) + part),
    );
  lines.push(headline(inspection), '');
  for (const [label, text] of factsOf(inspection)) row(label, text);
  for (const probe of new Set(inspection.hooks.map(hook => hook.probe))) {
    lines.push('', `probe ${probe}`);
    const hooks = inspection.hooks.filter(each => each.probe === probe);
    for (const group of grouped(hooks)) lines.push(...hookLines(group, Math.min(width, 120)));
  }
  if (inspection.missing.length > 0) {
    lines.push('', 'missing');
    for (const { what, follows } of inspection.missing) {
      const text = follows === '' ? what : `${what}: ${follows}`;
      wrapLines(text, room + LABEL - 4).forEach((part, index) =>
        lines.push((index === 0 ? '  - ' : '    ') + part),
      );
    }
  }
  return `${lines.map(line => line.trimEnd()).join('\n')}\n`;
}

function headline(inspection: Inspection): string {
  const { path, pid, arch, release, stripped, pie, cgo } = inspection;
  const words = [
    release?.name ?? 'unknown Go release',
    arch,
    ...(stripped ? ['stripped'] : []),
    ...(pie ? ['PIE'] : []),
    ...(cgo ? ['cgo'] : []),
    ...(inspection.static ? ['static'] : []),
  ];
  return `${path}${pid === null ? '' : ` (process ${pid})`}: ${words.join(', ')}`;
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function* factsOf(i: Inspection): Generator<readonly [label: string, text: string]> {
  yield ['file', `${megabytes(i.sizeBytes)}, built as ${i.buildMode}`];
  yield [
    'release',
    i.release === null ? 'not named' : `${i.release.name}, by ${i.release.foundBy}`,
  ];
  if (i.package !== null) {
    const version = i.module === null || i.module.version === '' ? '' : ` ${i.module.version}`;
    yield ['package', `${i.package}${version}`];
  }
  const settings = Object.entries(i.settings).map(([name, value]) => `${name}=${value}`);
  if (settings.length > 0) yield ['settings', settings.join(' ')];
  const ids = [
    i.buildIds.gnu === null ? '' : `GNU ${i.buildIds.gnu}`,
    i.buildIds.go === null ? '' : `Go ${i.buildIds.go.slice(0, 20)}…`,
  ].filter(text => text !== '');
  yield ['build ID', ids.length === 0 ? 'none' : ids.join(', ')];
  const { pclntab, moduledata } = i;
  yield [
    'functions',
    `${pclntab.functions} in a table of the ${pclntab.layout} layout at ${pclntab.address}, ` +
      `found by ${pclntab.foundBy}; code ${moduledata.text} to ${moduledata.etext}, ` +
      `module data at ${moduledata.address}`,
  ];
  yield ['offsets', i.tableRung ?? 'not known'];
  yield ['arguments', i.goAbi === 0 ? 'on the stack (ABI0)' : 'in registers (ABIInternal)'];
  yield ['g', placeOfG(i)];
  yield ['C heap', allocatorText(i)];
  if (i.cSymbols !== null) {
    const { sources, refused } = i.cSymbols;
    yield ['C names', sources.length === 0 ? 'none' : `by ${sources.join(', ')}`];
    for (const file of refused) yield ['', `refused ${file}`];
  }
}

function placeOfG({ tlsG, arch, cgo }: Inspection): string {
  if (tlsG === null) {
    return arch === 'arm64' && !cgo
      ? 'in register x28; not in thread-local storage without cgo'
      : 'not known in thread-local storage';
  }
  if (tlsG.offset === null) return `thread pointer plus the word at ${tlsG.slot}, ${tlsG.foundBy}`;
  const sign = tlsG.offset < 0 ? '-' : '+';
  return `thread pointer ${sign} ${Math.abs(tlsG.offset)}, by ${tlsG.foundBy}`;
}

function allocatorText({ allocator }: Inspection): string {
  const { libraries } = allocator;
  switch (allocator.in) {
    case 'none':
      return 'none: the program does not use cgo';
    case 'program':
      return 'malloc lies in the program itself';
    case 'library':
      return `in a library that the process maps (it asks for ${libraries.join(', ')})`;
    case 'unknown':
      return 'static, and without symbols that show malloc';
  }
}

/** The way that a trace would take first; undefined where there is none. */
function wayOf(hook: Hook): HookAlternative | undefined {
  return hook.alternatives.find(each => each.state !== 'missing');
}

/** What hooks that are shown together have in common; undefined for one that stands alone. */
function sharedFate(hook: Hook): string | undefined {
  const way = wayOf(hook);
  if (way === undefined) return `not here: ${hook.alternatives[0]?.reason ?? 'no alternative'}`;
  return way.state === 'library' ? 'in the C library that the process maps' : undefined;
}

/** Neighbours with the same fate together. */
function grouped(hooks: readonly Hook[]): Hook[][] {
  const groups: Hook[][] = [];
  for (const hook of hooks) {
    const fate = sharedFate(hook);
    const last = groups.at(-1);
    if (fate !== undefined && last !== undefined && sharedFate(last[0]!) === fate) last.push(hook);
    else groups.push([hook]);
  }
  return groups;
}

function hookLines(group: readonly Hook[], width: number): string[] {
  const hook = group[0]!;
  const names = group.map(({ point, when }) => (when === null ? point : `${point} (with ${when})`));
  const head = wrapLines(names.join(', '), width - 2).map(line => `  ${line}`);
  const indented = (text: string) => wrapLines(text, width - 6).map(line => `      ${line}`);
  const fate = sharedFate(hook);
  const taken = wayOf(hook);
  if (fate !== undefined || taken === undefined) return [...head, ...indented(fate ?? '')];
  const others = hook.alternatives
    .filter(each => each !== taken && each.state !== 'missing')
    .map(each => each.name);
  const behind = others.length === 0 ? '' : `, else ${others.join(', ')}`;
  return [...head, ...indented(`${taken.name}${behind}`), ...siteLines(taken)];
}

function siteLines(taken: HookAlternative): string[] {
  if (taken.state === 'kernel') return ['      in the kernel, decided when attached'];
  const shown = taken.sites
    .slice(0, SITES_SHOWN)
    .map(
      site =>
        `      ${site.function} at ${site.address} (file 0x${site.fileOffset.toString(16)}): ` +
        `${site.instruction}, ${site.costClass}`,
    );
  const more = taken.sites.length - shown.length;
  return more > 0 ? [...shown, `      and ${more} more places`] : shown;
}
