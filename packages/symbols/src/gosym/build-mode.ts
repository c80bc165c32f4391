/**
 * How a program was linked, from the file alone. What a reader would get wrong: a C shared
 * library and a plugin are ET_DYN as a position-independent program is; only a program has an
 * interpreter, or an entry where there is none (static).
 */
import { type ElfFile, ET_DYN, PT_DYNAMIC, PT_INTERP } from '../elf/index.js';
import type { BuildInfo } from './build-info.js';

/** As `go build -buildmode` names it. */
export type GoBuildMode = 'exe' | 'pie' | 'c-shared' | 'plugin' | 'shared';

const MODES: readonly string[] = ['exe', 'pie', 'c-shared', 'plugin', 'shared'];

/** DF_1_PIE of DT_FLAGS_1: the linker's own word that this is a program. */
const DT_FLAGS_1 = 0x6ffffffb;
const DF_1_PIE = 0x08000000;

function marksItselfProgram(elf: ElfFile): boolean {
  const segment = elf.segments.find(s => s.type === PT_DYNAMIC);
  if (segment === undefined) return false;
  const bytes = Buffer.from(elf.reader.read(segment.offset, segment.fileBytes));
  for (let at = 0; at + 16 <= bytes.byteLength; at += 16) {
    const tag = bytes.readUInt32LE(at);
    if (tag === 0) return false;
    if (tag === DT_FLAGS_1) return (bytes.readUInt32LE(at + 8) & DF_1_PIE) !== 0;
  }
  return false;
}

/** The build mode that the build settings name, else the one that the file's headers show. */
export function buildModeOf(elf: ElfFile, buildInfo: BuildInfo | undefined): GoBuildMode {
  const named = buildInfo?.settings.get('-buildmode');
  if (named !== undefined && MODES.includes(named)) return named as GoBuildMode;
  if (elf.type !== ET_DYN) return 'exe';
  if (elf.segments.some(s => s.type === PT_INTERP)) return 'pie';
  if (elf.dynamicSymbols().some(s => /^(go[.:])?(link\.pkghashbytes|plugin\.)/.test(s.name))) {
    return 'plugin';
  }
  return marksItselfProgram(elf) || elf.entry !== 0 ? 'pie' : 'c-shared';
}
