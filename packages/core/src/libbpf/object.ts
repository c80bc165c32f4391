/**
 * A BPF object file in libbpf's hands: opened, adjusted, loaded, closed. The fact that is easy to
 * get wrong: sizes, autoload and read-only data can be changed between open and load only; a later
 * change of `.rodata` is silently lost by the kernel, so it throws here.
 */
import { LoadError } from '../errors.js';
import { errnoText, lastErrno, libbpf, libbpfOptionSizes, type Pointer } from './library.js';
import { foreignView, NativeMemory } from './memory.js';
import type { MapHandle } from './maps.js';
import { listenToLibbpf } from './print.js';

/** Room for a verifier log: libbpf's own maximum. Untouched pages cost nothing. */
const LOG_BYTES = 0xff_ffff;

/** The verifier's statistics alone, BPF_LOG_STATS: a few lines (include/linux/bpf_verifier.h). */
const LOG_STATISTICS = 4;
const STATISTICS_BYTES = 16384;

/** A map as the file declares it; libbpf knows it by address, before and after load. */
export interface ObjectMap {
  readonly name: string;
  readonly pointer: Pointer;
}

/** A function of the file with a section of its own; libbpf knows it by address. */
export interface ObjectProgram {
  readonly name: string;
  readonly pointer: Pointer;
}

/** What a failed load left behind: the program that was refused, if one was, and every word. */
export interface RefusedLoad {
  readonly errno: number;
  /** Empty when the failure was not about one program. */
  readonly program: string;
  readonly verifierLog: string;
  readonly messages: readonly string[];
}

/** An opened BPF object. Close it: everything that is not held by a link goes with it. */
export class BpfObject {
  readonly #pointer: Pointer;
  readonly #log: NativeMemory;
  readonly #maps = new Map<string, ObjectMap>();
  readonly #programs = new Map<string, ObjectProgram>();
  readonly #statistics = new Map<string, NativeMemory>();
  #state: 'open' | 'loaded' | 'closed' = 'open';

  /**
   * Opens the bytes of an object file. Throws LoadError when they are not one, UnsupportedError
   * without libbpf.
   */
  constructor(
    readonly name: string,
    bytes: Uint8Array,
  ) {
    const api = libbpf();
    this.#log = new NativeMemory(LOG_BYTES, false);
    const messages: string[] = [];
    const stop = listenToLibbpf((_level, text) => messages.push(text));
    const pointer = api.bpf_object__open_mem(bytes, bytes.length, {
      sz: libbpfOptionSizes().open,
      object_name: name,
      relaxed_maps: false,
      pin_root_path: null,
      removed: 0,
      kconfig: null,
      btf_custom_path: null,
      kernel_log_buf: this.#log.address,
      kernel_log_size: LOG_BYTES,
      kernel_log_level: 0,
    });
    const errno = lastErrno();
    stop();
    if (pointer === null) {
      this.#log.free();
      throw new LoadError(`open object ${name}: ${errnoText(errno)}`, {
        errno,
        log: messages.join('\n'),
      });
    }
    this.#pointer = pointer;
    this.#list();
  }

  #list(): void {
    const api = libbpf();
    let map: Pointer = null;
    while ((map = api.bpf_object__next_map(this.#pointer, map)) !== null) {
      const name = api.bpf_map__name(map) as string;
      this.#maps.set(name, { name, pointer: map });
    }
    let program: Pointer = null;
    while ((program = api.bpf_object__next_program(this.#pointer, program)) !== null) {
      const name = api.bpf_program__name(program) as string;
      this.#programs.set(name, { name, pointer: program });
    }
  }

  /** Names of the programs in the order of the file. */
  get programNames(): readonly string[] {
    return [...this.#programs.keys()];
  }

  /** Names of the maps; read-only data is listed with a dot, e.g. `.rodata.sonde`. */
  get mapNames(): readonly string[] {
    return [...this.#maps.keys()];
  }

  /** Whether the object has this map. */
  hasMap(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** Whether the object has this program. */
  hasProgram(name: string): boolean {
    return this.#programs.has(name);
  }

  #find(name: string): ObjectMap | undefined {
    const listed = this.#maps.get(name);
    if (listed !== undefined) return listed;
    // Sections that start with a dot are listed by a shortened name but found by their own.
    const pointer = libbpf().bpf_object__find_map_by_name(this.#pointer, name);
    return pointer === null ? undefined : { name, pointer };
  }

  #map(name: string): ObjectMap {
    const found = this.#find(name);
    if (found === undefined) {
      throw new LoadError(`find map ${name} in object ${this.name}: no such map`);
    }
    return found;
  }

  #program(name: string): ObjectProgram {
    const found = this.#programs.get(name);
    if (found === undefined) {
      throw new LoadError(`find program ${name} in object ${this.name}: no such program`, {
        program: name,
      });
    }
    return found;
  }

  #mustBeOpen(operation: string): void {
    if (this.#state !== 'open') {
      throw new LoadError(`${operation} in object ${this.name}: the object is ${this.#state}`);
    }
  }

  /** A map's shape, and its descriptor once loaded (-1 before). Throws LoadError when absent. */
  map(name: string): MapHandle {
    const { pointer } = this.#map(name);
    const api = libbpf();
    return {
      name,
      type: Number(api.bpf_map__type(pointer)),
      keyBytes: Number(api.bpf_map__key_size(pointer)),
      valueBytes: Number(api.bpf_map__value_size(pointer)),
      maxEntries: Number(api.bpf_map__max_entries(pointer)),
      flags: Number(api.bpf_map__map_flags(pointer)),
      fd: this.#state === 'loaded' ? Number(api.bpf_map__fd(pointer)) : -1,
    };
  }

  /** Sets a map's size. Before load only. */
  setMaxEntries(name: string, maxEntries: number): void {
    this.#mustBeOpen(`size map ${name}`);
    this.#check(`size map ${name} to ${maxEntries}`, () =>
      libbpf().bpf_map__set_max_entries(this.#map(name).pointer, maxEntries),
    );
  }

  /** Uses an existing map in place of the object's own. Before load only; the fd is duplicated. */
  reuseMap(name: string, fd: number): void {
    this.#mustBeOpen(`share map ${name}`);
    this.#check(`share map ${name}`, () => libbpf().bpf_map__reuse_fd(this.#map(name).pointer, fd));
  }

  /** The bytes that a data section will have at load. Writes after load are refused by throwing. */
  initialValue(name: string): DataView {
    this.#mustBeOpen(`change data section ${name}`);
    const size: [unknown] = [0];
    const address = libbpf().bpf_map__initial_value(this.#map(name).pointer, size);
    if (address === null) throw new LoadError(`read data section ${name}: it has no initial value`);
    return foreignView(address, Number(size[0]));
  }

  /** Chooses whether a program is loaded at all. */
  setAutoload(program: string, on: boolean): void {
    this.#mustBeOpen(`choose program ${program}`);
    this.#check(`choose program ${program}`, () =>
      libbpf().bpf_program__set_autoload(this.#program(program).pointer, on),
    );
  }

  /** Sets `expected_attach_type`, which uprobe_multi needs before load. */
  setExpectedAttachType(program: string, type: number): void {
    this.#mustBeOpen(`set attach type of ${program}`);
    this.#check(`set attach type of ${program}`, () =>
      libbpf().bpf_program__set_expected_attach_type(this.#program(program).pointer, type),
    );
  }

  /**
   * Asks the verifier for its statistics of a program. Before load only. A refusal then says less:
   * the log of the instructions is left out.
   */
  keepStatistics(program: string): void {
    this.#mustBeOpen(`ask for statistics of ${program}`);
    const { pointer } = this.#program(program);
    const log = this.#statistics.get(program) ?? new NativeMemory(STATISTICS_BYTES, false);
    this.#statistics.set(program, log);
    this.#check(`ask for statistics of ${program}`, () =>
      libbpf().bpf_program__set_log_buf(pointer, log.address, STATISTICS_BYTES),
    );
    this.#check(`ask for statistics of ${program}`, () =>
      libbpf().bpf_program__set_log_level(pointer, LOG_STATISTICS),
    );
  }

  /** What the verifier said of a program; empty unless keepStatistics() was called for it. */
  statisticsText(program: string): string {
    return this.#statistics.get(program)?.text() ?? '';
  }

  #check(operation: string, call: () => unknown): void {
    const result = Number(call());
    if (result < 0) {
      throw new LoadError(`${operation} in object ${this.name}: ${errnoText(result)}`, {
        errno: -result,
      });
    }
  }

  /**
   * Loads the chosen programs. Returns undefined when the kernel took them, else what it refused;
   * the object is of no further use then, and must be closed.
   */
  load(): RefusedLoad | undefined {
    this.#mustBeOpen('load');
    const messages: string[] = [];
    const stop = listenToLibbpf((_level, text) => messages.push(text));
    const result = Number(libbpf().bpf_object__load(this.#pointer));
    stop();
    if (result >= 0) {
      this.#state = 'loaded';
      this.#log.free();
      return undefined;
    }
    const refused = messages
      .map(line => /prog '([^']+)': (?:BPF program load failed|failed to load)/.exec(line)?.[1])
      .find(name => name !== undefined);
    return {
      errno: -result,
      program: refused ?? programOfMessages(messages),
      verifierLog: this.#log.text(),
      messages,
    };
  }

  /** A loaded program's descriptor, owned by the object. */
  programFd(name: string): number {
    const fd = Number(libbpf().bpf_program__fd(this.#program(name).pointer));
    if (fd < 0) throw new LoadError(`use program ${name}: it was not loaded`, { program: name });
    return fd;
  }

  /** A program's address for libbpf's attach functions. Internal to this room's links. */
  programPointer(name: string): Pointer {
    return this.#program(name).pointer;
  }

  /** Frees everything that no link holds. Idempotent. */
  close(): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'open') this.#log.free();
    this.#state = 'closed';
    libbpf().bpf_object__close(this.#pointer);
    for (const log of this.#statistics.values()) log.free();
    this.#statistics.clear();
  }
}

/** The program that libbpf named last before giving up, e.g. for a missing fentry target. */
function programOfMessages(messages: readonly string[]): string {
  for (const line of [...messages].reverse()) {
    const name = /prog '([^']+)'/.exec(line)?.[1];
    if (name !== undefined) return name;
  }
  return '';
}
