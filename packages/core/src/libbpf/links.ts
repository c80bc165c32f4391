/**
 * Attachments: each function attaches one program and returns a Link that holds it. The fact that
 * is easy to get wrong: a link lives by its file descriptors alone, so ending the process in any
 * way detaches everything, and dropping the object without closing it detaches nothing.
 */
import { LoadError } from '../errors.js';
import {
  errnoText,
  lastErrno,
  libbpf,
  libbpfOptionSizes,
  type NativeFunction,
  type Pointer,
} from './library.js';
import type { BpfObject } from './object.js';
import { listenToLibbpf } from './print.js';
import {
  type AsyncCall,
  closeFd,
  closeFdAsync,
  createPerfLink,
  createUprobeMultiLink,
  openPerfEvent,
  SystemCallError,
} from './syscalls.js';

/** An attachment. close() detaches and resolves when the kernel has let go; idempotent. */
export interface Link {
  close(): Promise<void>;
}

/** A link of libbpf's own, destroyed on the thread pool: detaching waits for RCU. */
class LibbpfLink implements Link {
  #pointer: Pointer;

  constructor(pointer: bigint) {
    this.#pointer = pointer;
  }

  close(): Promise<void> {
    const pointer = this.#pointer;
    if (pointer === null) return Promise.resolve();
    this.#pointer = null;
    return new Promise(resolve => {
      (libbpf().bpf_link__destroy as unknown as AsyncCall).async(pointer, () => resolve());
    });
  }
}

/** A link that is nothing but file descriptors. */
class DescriptorLink implements Link {
  #fds: readonly number[];

  constructor(fds: readonly number[]) {
    this.#fds = fds;
  }

  async close(): Promise<void> {
    const fds = this.#fds;
    this.#fds = [];
    await Promise.all(fds.map(fd => closeFdAsync(fd)));
  }
}

function attach(operation: string, program: string, call: () => unknown): Link {
  const messages: string[] = [];
  const stop = listenToLibbpf((_level, text) => messages.push(text));
  const pointer = call() as Pointer;
  const errno = lastErrno();
  stop();
  if (pointer !== null) return new LibbpfLink(BigInt(pointer));
  throw new LoadError(`${operation}: ${errnoText(errno)}`, {
    program,
    errno,
    log: messages.join('\n'),
  });
}

/** A place in a file where a program is to run. */
export interface UprobePlace {
  readonly path: string;
  readonly fileOffset: number;
  /** Process id in our namespace, or -1 for every process. */
  readonly pid: number;
  readonly returns: boolean;
  /** 0 where the kernel has no cookies: libbpf refuses others there. */
  readonly cookie: bigint;
}

/** Attaches through a perf event, which the kernel limits to the address space of `pid`. */
export function attachUprobe(object: BpfObject, program: string, place: UprobePlace): Link {
  const where = `${place.path}+0x${place.fileOffset.toString(16)}`;
  return attach(`attach uprobe ${program} to ${where}`, program, () =>
    libbpf().bpf_program__attach_uprobe_opts(
      object.programPointer(program),
      place.pid,
      place.path,
      place.fileOffset,
      {
        sz: libbpfOptionSizes().uprobe,
        ref_ctr_offset: 0,
        bpf_cookie: place.cookie,
        retprobe: place.returns,
        func_name: null,
      },
    ),
  );
}

/** Attaches to many offsets of one file by one uprobe_multi link (kernel 6.6). */
export function attachUprobeMulti(
  object: BpfObject,
  program: string,
  places: readonly UprobePlace[],
): Link {
  const [first] = places;
  if (first === undefined) throw new LoadError(`attach uprobe ${program}: no place was given`);
  try {
    const fd = createUprobeMultiLink({
      programFd: object.programFd(program),
      path: first.path,
      fileOffsets: places.map(place => place.fileOffset),
      cookies: places.map(place => place.cookie),
      pid: Math.max(first.pid, 0),
      returns: first.returns,
    });
    return new DescriptorLink([fd]);
  } catch (cause) {
    if (!(cause instanceof SystemCallError)) throw cause;
    const { errno, message } = cause;
    throw new LoadError(`${message}, program ${program}`, { program, errno }, { cause });
  }
}

/** Attaches to a kernel function's entry or, with `returns`, to its return. */
export function attachKprobe(
  object: BpfObject,
  program: string,
  place: { readonly symbol: string; readonly returns: boolean; readonly cookie: bigint },
): Link {
  const kind = place.returns ? 'kretprobe' : 'kprobe';
  return attach(`attach ${kind} ${program} to ${place.symbol}`, program, () =>
    libbpf().bpf_program__attach_kprobe_opts(object.programPointer(program), place.symbol, {
      sz: libbpfOptionSizes().kprobe,
      bpf_cookie: place.cookie,
      offset: 0,
      retprobe: place.returns,
      attach_mode: 0,
    }),
  );
}

/** Attaches fentry, fexit and tp_btf programs; their section names function or tracepoint. */
export function attachTrace(object: BpfObject, program: string): Link {
  return attach(`attach ${program} by BTF`, program, () =>
    libbpf().bpf_program__attach_trace(object.programPointer(program)),
  );
}

/** Attaches to a raw tracepoint by name; needs neither tracefs nor kprobes. */
export function attachRawTracepoint(object: BpfObject, program: string, name: string): Link {
  return attach(`attach raw tracepoint ${program} to ${name}`, program, () =>
    libbpf().bpf_program__attach_raw_tracepoint(object.programPointer(program), name),
  );
}

/** Attaches to a tracepoint. Reads its id from tracefs, which must be mounted. */
export function attachTracepoint(
  object: BpfObject,
  program: string,
  place: { readonly category: string; readonly name: string; readonly cookie: bigint },
): Link {
  const where = `${place.category}:${place.name}`;
  return attach(`attach tracepoint ${program} to ${where}`, program, () =>
    libbpf().bpf_program__attach_tracepoint_opts(
      object.programPointer(program),
      place.category,
      place.name,
      { sz: libbpfOptionSizes().cookie, bpf_cookie: place.cookie },
    ),
  );
}

/** PERF_TYPE_SOFTWARE and PERF_COUNT_SW_PAGE_FAULTS (include/uapi/linux/perf_event.h). */
const SOFTWARE_PAGE_FAULTS = { type: 1, config: 2n } as const;

/**
 * Opens the page-fault software event with period 1 on each of `cpus` and attaches the program:
 * the event of one pid would count one thread only. Without links (before 5.15) libbpf's ioctl way
 * is used. All or nothing: a refusal closes what was opened.
 */
export function attachPageFaultEvents(
  object: BpfObject,
  program: string,
  place: { readonly cpus: readonly number[]; readonly cookie: bigint; readonly links: boolean },
): Link {
  const links: Link[] = [];
  const fds: number[] = [];
  try {
    for (const cpu of place.cpus) {
      const fd = openPerfEvent({ ...SOFTWARE_PAGE_FAULTS, samplePeriod: 1n, pid: -1, cpu });
      if (place.links) {
        fds.push(fd, createPerfLink(object.programFd(program), fd, place.cookie));
      } else {
        links.push(attachPerfDescriptor(object, program, fd));
      }
    }
  } catch (cause) {
    for (const fd of fds) closeFd(fd);
    for (const link of links) void link.close();
    if (!(cause instanceof SystemCallError)) throw cause;
    const what = `attach ${program} to the page-faults event: ${cause.message}`;
    throw new LoadError(what, { program, errno: cause.errno }, { cause });
  }
  const own = new DescriptorLink(fds);
  return {
    close: async () => {
      await Promise.all([own.close(), ...links.map(link => link.close())]);
    },
  };
}

/** On success libbpf owns the event and closes it with the link. */
function attachPerfDescriptor(object: BpfObject, program: string, fd: number): Link {
  const call: NativeFunction = libbpf().bpf_program__attach_perf_event_opts;
  try {
    return attach(`attach ${program} to a perf event`, program, () =>
      call(object.programPointer(program), fd, {
        sz: libbpfOptionSizes().cookie,
        bpf_cookie: 0n,
      }),
    );
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}
