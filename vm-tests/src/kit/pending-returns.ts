/**
 * Another tracer on the target: it probes the returns of functions, so that the kernel keeps their
 * return addresses while they run. What a reader would get wrong: it is a second user of the same
 * trampoline, and nothing in the session under test knows of it.
 */
import type { Session } from '@sonde/core';
import { closeFd, openPerfUprobe } from '@sonde/core/libbpf';
import { CountingProgram } from '@sonde/core/loader';
import type { Test } from 'tap';

/**
 * Probes the returns of functions of the target's program by the names of its symbol table, until
 * the test ends. Returns the counter of the returns. Throws Error for a name that it does not have.
 */
export function probeReturns(
  test: Pick<Test, 'teardown'>,
  { process: target }: Session,
  functions: readonly string[],
): CountingProgram {
  const module = target.moduleAt(BigInt(target.config()['goTextStart'] ?? 0));
  const symbols = module?.elf?.symbols() ?? [];
  const program = new CountingProgram('perf');
  test.teardown(() => program.close());
  for (const name of functions) {
    const symbol = symbols.find(each => each.name === name);
    const fileOffset = symbol && module?.elf?.vaddrToOffset(symbol.value);
    if (module === undefined || fileOffset === undefined) {
      throw new Error(`probe the returns of ${name}: the program has no such function`);
    }
    const fd = openPerfUprobe({
      programFd: program.fd,
      path: module.openPath,
      fileOffset,
      pid: target.info.pid,
      returns: true,
    });
    test.teardown(() => closeFd(fd));
  }
  return program;
}
