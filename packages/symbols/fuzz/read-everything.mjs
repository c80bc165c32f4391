/**
 * Calls every public reader on the bytes of one file. What a reader would get wrong: an error of
 * the right class is an answer. Anything else that is thrown, and any call that does not end, is a
 * finding.
 */
import * as symbols from '../dist/index.js';
import { readDwarfStructures } from '../dist/dwarf/index.js';
import { readUnwind } from './read-unwind.mjs';

const ANSWERS = new Set(['FormatError', 'UnsupportedError', 'UnknownReleaseError']);
const ADDRESSES = 40;

/**
 * @param {() => unknown} act
 * @returns {any} what it returned; undefined when it answered with an error of the right class
 */
function ask(act) {
  try {
    return act();
  } catch (error) {
    if (error instanceof Error && ANSWERS.has(error.name)) return undefined;
    throw error;
  }
}

/** @param {symbols.Pclntab} pclntab */
function readFunctions(pclntab) {
  const step = Math.max(1, Math.floor(pclntab.count / ADDRESSES));
  const addresses = [];
  for (let i = 0; i < pclntab.count && addresses.length < ADDRESSES; i += step) {
    const f = ask(() => pclntab.functionByIndex(i));
    if (f !== undefined) addresses.push(f.entry + 5, f.end - 1);
  }
  for (const address of [...addresses, 0, 1, 2 ** 52, -1]) {
    ask(() => pclntab.functionAt(address));
    ask(() => pclntab.framesAt(address));
  }
  const many = /** @type {any} */ (pclntab).symbolizeMany;
  if (many !== undefined) ask(() => many.call(pclntab, Float64Array.from(addresses)));
  ask(() => pclntab.functionsNamed('runtime.mallocgc'));
  ask(() => pclntab.hasName('crosscall2'));
}

/**
 * @param {symbols.ElfFile} elf
 * @param {symbols.InstructionReader} reader
 */
function readGo(elf, reader) {
  ask(() => symbols.readBuildInfo(elf));
  ask(() => symbols.isGoProgram(elf));
  const go = ask(() => symbols.openGoProgram(elf));
  const pclntab = go?.pclntab ?? ask(() => symbols.openPclntab(elf));
  if (pclntab !== undefined) readFunctions(pclntab);
  if (go === undefined) return;
  ask(() => go.offsets.need('g.goid'));
  ask(() => symbols.findRuntimeGlobals(go, reader));
  ask(() => symbols.findTlsG(go, reader));
}

/** Reader of instructions of both architectures, loaded once. */
const readers = {
  x86_64: await symbols.openInstructionReader('x86_64'),
  arm64: await symbols.openInstructionReader('arm64'),
};

/**
 * Reads a file by every door. Throws what no reader may throw.
 *
 * @param {Uint8Array} bytes
 */
export function readEverything(bytes) {
  const source = symbols.bufferReader(bytes);
  ask(() => symbols.readElfIdent(source));
  const elf = ask(() => symbols.openElf(source));
  if (elf === undefined) return;
  ask(() => elf.symbols());
  ask(() => elf.dynamicSymbols());
  ask(() => elf.notes);
  ask(() => elf.buildId);
  ask(() => symbols.goBuildId(elf));
  ask(() => elf.relocations().slotsOf(4096));
  ask(() => symbols.neededLibraries(elf));
  readGo(elf, readers[/** @type {symbols.Arch} */ (elf.arch)]);
  const c = ask(() => new symbols.CSymbols(elf));
  if (c !== undefined) for (const at of [0, elf.entry, 0x1139, 2 ** 52]) ask(() => c.at(at));
  const names = ask(() => new symbols.ProgramNames(elf));
  ask(() => names?.at(elf.entry));
  readUnwind(bytes, ask);
  const wanted = new Set(['runtime.g', 'runtime.mspan']);
  ask(() => readDwarfStructures(elf, wanted));
}
