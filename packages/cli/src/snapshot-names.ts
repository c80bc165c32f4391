/**
 * Names for the addresses of a snapshot. The fact a reader gets wrong: the heap profile holds one
 * address for each *logical* frame, inlined calls included, so that only the innermost frame of
 * each address counts; an address of a goroutine's stack stands for all of its frames.
 */
import type { StackSymbolizer } from '@sonde/core/stacks';
import type { Target, TargetRuntime } from '@sonde/core/target';
import type { Frame, FrameShapeAt } from '@sonde/memory';
import type { SnapshotFrame } from './snapshot-types.js';

type NamedFrame = ReturnType<StackSymbolizer['symbolize']>[number];

/** A frame as the JSON has it. */
export function snapshotFrame(frame: NamedFrame): SnapshotFrame {
  return {
    function: frame.function,
    ...(frame.file === undefined ? {} : { file: frame.file }),
    ...(frame.line === undefined ? {} : { line: frame.line }),
    inlined: frame.inlined,
    address: `0x${frame.address.toString(16)}`,
  };
}

/** Frames of a heap profile's stack, innermost first, the allocator's own left out. */
export function heapFrames(names: StackSymbolizer, stack: readonly bigint[]): SnapshotFrame[] {
  const frames = stack.flatMap(pc => names.framesAt(pc, false).slice(0, 1));
  const first = frames.findIndex(f => !/^(internal\/)?runtime\./.test(f.function));
  return frames.slice(Math.max(0, first)).map(snapshotFrame);
}

/**
 * Frames of a goroutine's stack, innermost first, as Go's own traceback shows them: without the
 * wrappers that the compiler made, and without the place that every goroutine returns to.
 */
export function goroutineFrames(
  names: StackSymbolizer,
  target: Target,
  runtime: TargetRuntime,
  stack: readonly bigint[],
  innermostExact: boolean,
): SnapshotFrame[] {
  const { pclntab } = target.go;
  return stack.flatMap((pc, i) => {
    const exact = i === 0 && innermostExact;
    const f = pclntab.functionAt(Number((exact ? pc : pc - 1n) - runtime.bias));
    if (f?.name === 'runtime.goexit') return [];
    const frames = names.framesAt(pc, exact).map(snapshotFrame);
    // What was inlined into a wrapper is somebody's code; only the wrapper itself is not.
    return f?.wrapper === true && i > 0 ? frames.slice(0, -1) : frames;
  });
}

/** The size of a frame at an instruction, from the program's own table of stack deltas. */
export function frameShapes(target: Target, runtime: TargetRuntime): FrameShapeAt {
  const { pclntab } = target.go;
  const interrupted = pclntab.functionNamed('runtime.asyncPreempt');
  return pc => {
    const address = Number(pc - runtime.bias);
    const bytes = pclntab.stackBytesAt(address);
    if (bytes === undefined) return undefined;
    const interrupts =
      interrupted !== undefined && address >= interrupted.entry && address < interrupted.end;
    return { bytes, interrupts };
  };
}

/** Goroutines of the runtime itself, by the rule of runtime.isSystemGoroutine. */
export function isSystemStart(name: string): boolean {
  const users = ['runtime.main', 'runtime.corostart', 'runtime.handleAsyncEvent'];
  return name.startsWith('runtime.') && !users.includes(name);
}

/** A stack as the memory room's rules of ownership read it. */
export function plainFrames(frames: readonly SnapshotFrame[]): Frame[] {
  return frames.map(f => ({ function: f.function, module: '', kind: 'go', inlined: f.inlined }));
}
