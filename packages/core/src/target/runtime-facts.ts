/**
 * What the programs must know of a Go release beyond offsets: values of the runtime's constants,
 * and how its functions take their arguments. What a reader would get wrong: constants are those
 * of the generated tables; only what no constant names stands here, with its source.
 */
import {
  type GoConstants,
  goConstants,
  type GoProgram,
  goOffsets,
  type GoRelease,
  knownReleases,
  parseGoRelease,
} from '@sonde/symbols';

/** What the programs compare with, by the name of its field in `sonde_target`. */
export interface RuntimeFacts {
  /** What freeSpanLocked is given for a span of the heap, in the bits of the mask. */
  readonly freedSpanTypeHeap: number;
  readonly freedSpanTypeMask: number;
  /** Number of the argument of mProf_Malloc that is the object. */
  readonly sampleObjectArg: number;
  /** Offset of special.kind in bytes, and the kind that stands for a sampled object. */
  readonly specialKind: number;
  readonly specialKindProfile: number;
}

type FreedSpanType = Pick<RuntimeFacts, 'freedSpanTypeHeap' | 'freedSpanTypeMask'>;

/**
 * (*mheap).freeSpanLocked (mheap.go) of 1.15 ends in two bools, acctinuse and acctidle, both true
 * for spans of the heap; since 1.16 it ends in a spanAllocType of eight bits, a constant.
 */
const HEAP_SPAN_BOOLS: FreedSpanType = { freedSpanTypeHeap: 0x0101, freedSpanTypeMask: 0xffff };
const SPAN_TYPE_MASK = 0xff;
/** mProf_Malloc (mprof.go) takes (p, size), and since 1.23 (mp, p, size). */
const SAMPLE_TAKES_M_SINCE = 23;
/** Above every patch: stands for the last one that the tables hold. */
const LAST_PATCH = 999;

/**
 * The release whose tables hold for a release: itself, or the newest one for a release that has
 * none and is traced because its own DWARF or its code confirmed the offsets.
 */
function releaseOfTables(release: GoRelease): GoRelease {
  const lines = knownReleases();
  if (lines.includes(release.line)) return release;
  return parseGoRelease(`go${lines.at(-1)!}.${LAST_PATCH}`)!;
}

function freedSpanType(constants: GoConstants): FreedSpanType {
  const heap = constants.get('spanAllocHeap');
  if (heap === undefined) return HEAP_SPAN_BOOLS;
  return { freedSpanTypeHeap: heap, freedSpanTypeMask: SPAN_TYPE_MASK };
}

/** The facts of a program. Throws RangeError where the tables lack a constant that all have. */
export function runtimeFacts(go: Pick<GoProgram, 'release' | 'offsets' | 'elf'>): RuntimeFacts {
  const release = releaseOfTables(go.release);
  const { arch } = go.elf;
  const constants = goConstants(release, arch);
  return {
    ...freedSpanType(constants),
    sampleObjectArg: release.minor < SAMPLE_TAKES_M_SINCE ? 0 : 1,
    specialKind: go.offsets.get('special.kind') ?? goOffsets(release, arch).need('special.kind'),
    specialKindProfile: constants.need('_KindSpecialProfile'),
  };
}

/**
 * Bytes of the first size classes, the same in all releases (sizeclasses.go): a specialised
 * mallocgc of 1.27, or of 1.26 with its experiment, carries the number of its class in its name.
 */
const CLASS_BYTES = [
  0, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352,
  384, 416, 448, 480, 512,
] as const;

/** The largest object that specialised functions serve, by the highest class that has one. */
export function specialisedBytes(hasFunction: (name: string) => boolean): number {
  for (let n = CLASS_BYTES.length - 1; n > 0; n--) {
    if (hasFunction(`runtime.mallocgcSmallScanNoHeaderSC${n}`)) return CLASS_BYTES[n]!;
  }
  return 0;
}
