/**
 * The smallest useful BPF program, as instructions: it adds one to a counter. Self tests and
 * calibration use it, so that neither needs a compiler or an object file. The fact that is easy to
 * get wrong: it counts every process's hits; the attachment must do the limiting.
 */
import {
  BPF_TRACE_UPROBE_MULTI,
  closeFd,
  createMap,
  loadRawProgram,
  lookupMap,
  MapType,
  ProgramType,
  updateMap,
  type MapHandle,
} from '../libbpf/index.js';

/** One `struct bpf_insn` (include/uapi/linux/bpf.h). */
export type Instruction = readonly [
  code: number,
  registers: number,
  offset: number,
  immediate: number,
];

/** Encodes instructions as the kernel reads them; `registers` is `source << 4 | destination`. */
export function encodeInstructions(instructions: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * instructions.length));
  instructions.forEach(([code, registers, offset, immediate], i) => {
    view.setUint8(8 * i, code);
    view.setUint8(8 * i + 1, registers);
    view.setInt16(8 * i + 2, offset, true);
    view.setInt32(8 * i + 4, immediate, true);
  });
  return new Uint8Array(view.buffer);
}

function countingInstructions(mapFd: number): Uint8Array {
  return encodeInstructions([
    [0x18, 0x11, 0, mapFd], // r1 = map
    [0x00, 0x00, 0, 0],
    [0x62, 0x0a, -4, 0], // *(u32 *)(r10 - 4) = 0
    [0xbf, 0xa2, 0, 0], // r2 = r10
    [0x07, 0x02, 0, -4], // r2 += -4
    [0x85, 0x00, 0, 1], // r0 = bpf_map_lookup_elem(r1, r2)
    [0x15, 0x00, 2, 0], // if r0 == 0 goto +2
    [0xb7, 0x01, 0, 1], // r1 = 1
    [0xdb, 0x10, 0, 0], // lock *(u64 *)(r0 + 0) += r1
    [0xb7, 0x00, 0, 0], // r0 = 0
    [0x95, 0x00, 0, 0], // exit
  ]);
}

/** A loaded counting program and its counter. */
export class CountingProgram {
  readonly fd: number;
  readonly #map: MapHandle;

  /** Loads it, for perf-event uprobes or for uprobe_multi links. Throws SystemCallError. */
  constructor(use: 'perf' | 'uprobeMulti') {
    this.#map = createMap({
      type: MapType.ARRAY,
      name: 'sonde_count',
      keyBytes: 4,
      valueBytes: 8,
      maxEntries: 1,
    });
    try {
      this.fd = loadRawProgram({
        name: 'sonde_count',
        type: ProgramType.KPROBE,
        expectedAttachType: use === 'uprobeMulti' ? BPF_TRACE_UPROBE_MULTI : 0,
        instructions: countingInstructions(this.#map.fd),
      });
    } catch (cause) {
      closeFd(this.#map.fd);
      throw cause;
    }
  }

  /** Runs since the last reset. */
  count(): number {
    const value = new BigUint64Array(1);
    lookupMap(this.#map, new Uint32Array(1), value);
    return Number(value[0]);
  }

  /** Sets the counter to zero. */
  reset(): void {
    updateMap(this.#map, new Uint32Array(1), new BigUint64Array(1));
  }

  /** Unloads program and counter. */
  close(): void {
    closeFd(this.fd);
    closeFd(this.#map.fd);
  }
}
