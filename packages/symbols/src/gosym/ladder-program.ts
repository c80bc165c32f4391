/**
 * The step of the ladder that reads code, for a whole program. What a reader would get wrong: it
 * is a step of its own because the decoder of x86-64 is loaded asynchronously, and most programs
 * never need it.
 */
import { openEffectReader } from '../code/index.js';
import type { GoProgram } from './go-program.js';
import { confirmOffsets, isToConfirm } from './ladder.js';
import { type GoOffsets, UnknownReleaseError } from './offsets.js';

/**
 * The program with its offsets confirmed by its own code, where a table is not of its release;
 * the same program otherwise. Where the code contradicts the table, `offsetsProblem` says so.
 * Costs nothing for a release of the tables, else some 50 ms.
 */
export async function confirmProgram(go: GoProgram): Promise<GoProgram> {
  if (go.offsetsProblem !== undefined || !isToConfirm(go.offsets)) return go;
  const { elf, release, pclntab } = go;
  const effects = await openEffectReader(elf.arch);
  const functionsNamed = (name: string): ReturnType<typeof pclntab.functionsNamed> =>
    pclntab.functionsNamed(name);
  // The program's other values are computed when first asked for, so it is not copied.
  const withOffsets = (offsets: () => GoOffsets, problem?: UnknownReleaseError): GoProgram =>
    Object.create(go, {
      offsets: { get: offsets, enumerable: true },
      offsetsProblem: { value: problem, enumerable: true },
    }) as GoProgram;
  try {
    const offsets = confirmOffsets({ elf, release, functionsNamed, effects }, go.offsets);
    return withOffsets(() => offsets);
  } catch (error) {
    if (!(error instanceof UnknownReleaseError)) throw error;
    const refuse = (): never => {
      throw error;
    };
    return withOffsets(refuse, error);
  }
}
