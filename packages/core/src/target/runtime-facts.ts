/**
 * What the programs must know of a Go release beyond offsets: how runtime functions take their
 * arguments, and values that are no field. What a reader would get wrong: each row holds from its
 * release on until the next row of the same fact; the sources named are the runtime's.
 */

/** A fact and the minor releases from which each of its values holds, ascending. */
type History = readonly (readonly [sinceMinor: number, value: number])[];

const HISTORY = {
  /**
   * (*mheap).freeSpanLocked (mheap.go): 1.15 ends in two bools, both true for heap spans; since
   * 1.16 in a spanAllocType, of which 0 is spanAllocHeap. The value and the bits that hold it.
   */
  freedSpanTypeHeap: [
    [15, 0x0101],
    [16, 0],
  ],
  freedSpanTypeMask: [
    [15, 0xffff],
    [16, 0xff],
  ],
  /** mProf_Malloc (mprof.go): (p, size), since 1.23 (mp, p, size). */
  sampleObjectArg: [
    [15, 0],
    [23, 1],
  ],
  /** _KindSpecialProfile (mheap.go). */
  specialKindProfile: [
    [15, 2],
    [23, 3],
    [25, 4],
  ],
  /** Offset of special.kind (mheap.go): its type grew in 1.24. */
  specialKind: [
    [15, 10],
    [24, 16],
  ],
} as const satisfies Record<string, History>;

/** What {@link runtimeFact} can be asked for. */
export type RuntimeFact = keyof typeof HISTORY;

/** A fact's value in a minor release, such as 26 for Go 1.26. */
export function runtimeFact(name: RuntimeFact, minor: number): number {
  return HISTORY[name].findLast(([since]) => since <= minor)?.[1] ?? HISTORY[name][0][1];
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
