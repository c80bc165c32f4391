/**
 * What one hit of a probe costs on this machine, measured on our own process at session start. The
 * fact that is easy to get wrong: the cost is the trap's, and depends on the probed instruction
 * (emulated or single-stepped, a factor of twenty), hardly on the program behind it.
 */
import { closeFdAsync, MachineCode, openPerfUprobe } from '../libbpf/index.js';
import { CountingProgram } from '../loader/index.js';

/** How a hit enters the kernel, which decides what it costs. */
export type CostClass = 'emulated' | 'single-stepped' | 'uretprobe' | 'kernel';

/** Nanoseconds per hit by class, and where the figures are from. */
export interface Calibration {
  readonly perHitNs: Readonly<Record<CostClass, number>>;
  readonly measured: boolean;
  readonly evidence: string;
}

/**
 * Used where measuring fails. From an x86_64 VM on 6.18; metal is faster, so these err towards
 * braking early. `kernel` is never measured: no kernel probe can be limited to our own process.
 */
export const FALLBACK_NS: Readonly<Record<CostClass, number>> = {
  emulated: 600,
  'single-stepped': 12_000,
  uretprobe: 900,
  kernel: 300,
};

const ROUNDS = 200;
const REPEATS = 5;

/** The shortest of some runs: whatever else the machine does only ever adds. */
function leastNsPerRound(run: (rounds: number) => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < REPEATS; i++) {
    const start = process.hrtime.bigint();
    run(ROUNDS);
    least = Math.min(least, Number(process.hrtime.bigint() - start) / ROUNDS);
  }
  return least;
}

/** Attaches one place after another and takes differences, so that nothing has to be detached. */
function measure(code: MachineCode, program: CountingProgram, fds: number[]): Calibration {
  const attach = (fileOffset: number, returns: boolean): void => {
    const { path } = code;
    const { fd: programFd } = program;
    fds.push(openPerfUprobe({ programFd, path, fileOffset, pid: process.pid, returns }));
  };
  const loop = (rounds: number): void => code.runLoop(rounds);
  const leaf = (calls: number): void => code.runLeaf(calls);
  const bare = leastNsPerRound(loop);
  const bareLeaf = leastNsPerRound(leaf);
  attach(code.at.emulated, false);
  const emulated = leastNsPerRound(loop);
  attach(code.at.singleStepped, false);
  const both = leastNsPerRound(loop);
  attach(code.at.leaf, true);
  const returning = leastNsPerRound(leaf);
  const hits = program.count();
  const expected = REPEATS * ROUNDS * 4;
  if (hits !== expected) throw new Error(`${hits} of ${expected} calibration hits were seen`);
  return {
    perHitNs: {
      emulated: Math.max(1, Math.round(emulated - bare)),
      'single-stepped': Math.max(1, Math.round(both - emulated)),
      uretprobe: Math.max(1, Math.round(returning - bareLeaf)),
      kernel: FALLBACK_NS.kernel,
    },
    measured: true,
    evidence: `${expected} hits on our own process; kernel probes are assumed, not measured`,
  };
}

function calibrateNow(): Calibration {
  const fds: number[] = [];
  let code: MachineCode | undefined;
  let program: CountingProgram | undefined;
  try {
    code = new MachineCode();
    program = new CountingProgram('perf');
    return measure(code, program, fds);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const evidence = `assumed figures, calibration failed: ${reason}`;
    return { perHitNs: FALLBACK_NS, measured: false, evidence };
  } finally {
    // Detaching waits for RCU, so it happens on the pool while the session goes on.
    void Promise.all(fds.map(fd => closeFdAsync(fd))).then(() => {
      program?.close();
      code?.close();
    });
  }
}

let remembered: Calibration | undefined;

/** Cost per hit by class, measured once per process in some 50 ms. Never throws. */
export function calibrate(): Calibration {
  if (remembered?.measured !== true) remembered = calibrateNow();
  return remembered;
}
