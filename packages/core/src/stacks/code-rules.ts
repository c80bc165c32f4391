/**
 * From an address of the process to the row and the packed rule that hold there, each looked up
 * once. What a reader would get wrong: the kernel's own pages with code (vDSO) are in no file; they
 * are read from the process's memory, which is an ELF image like any other.
 */
import {
  type Arch,
  bufferReader,
  FormatError,
  NO_RULE,
  openElf,
  packRule,
  signalTrampolineRow,
  TRAMPOLINE_BYTES,
  type UnwindRow,
  UnwindTable,
} from '@sonde/symbols';
import { UsageError } from '../errors.js';
import type { Module, MapEntry } from '../target/index.js';

/** What rules need of a target; a Target is one. */
export interface CodeSource {
  moduleAt(address: bigint): Pick<Module, 'bias' | 'elf'> | undefined;
  maps(): readonly MapEntry[];
  readMemory(address: bigint, length: number): Uint8Array;
}

/** What holds at one address. */
export interface CodeRule {
  readonly row: UnwindRow | undefined;
  readonly rule: bigint;
  /** Whether it was offered to the table of rules, whether or not that had room. */
  installed: boolean;
}

/** No vDSO is larger: two to eight pages in every kernel. */
const VDSO_BYTES_MAX = 1 << 20;

/** Nothing describes the code of an address. */
function nothing(): CodeRule {
  return { row: undefined, rule: NO_RULE, installed: false };
}

interface Described {
  readonly table: UnwindTable;
  readonly bias: number;
}

/** Rules by address; tables are opened when the first address of a file is asked for. */
export class CodeRules {
  readonly #arch: Arch;
  readonly #code: CodeSource;
  #returns = new Map<number, CodeRule>();
  #exact = new Map<number, CodeRule>();
  #tables = new Map<object, Described>();
  #damaged = 0;

  constructor(arch: Arch, code: CodeSource) {
    this.#arch = arch;
    this.#code = code;
  }

  /** Addresses whose unwind data could not be read. */
  get damaged(): number {
    return this.#damaged;
  }

  /** The rule of a return address, or of an instruction's own address if `exact`. */
  at(address: number, exact: boolean): CodeRule {
    const memo = exact ? this.#exact : this.#returns;
    let found = memo.get(address);
    if (found === undefined) {
      found = this.#find(exact ? address : address - 1, exact);
      memo.set(address, found);
    }
    return found;
  }

  /** Whether the rule of an address was looked up and offered to the table. */
  isInstalled(address: number, exact: boolean): boolean {
    return (exact ? this.#exact : this.#returns).get(address)?.installed === true;
  }

  /** Forgets every answer; files that are still mapped stay open. */
  clear(): void {
    this.#returns = new Map();
    this.#exact = new Map();
  }

  #find(lookup: number, exact: boolean): CodeRule {
    try {
      const row = this.#trampoline(lookup, exact) ?? this.#describedRow(lookup);
      if (row === undefined) return nothing();
      return { row, rule: packRule(this.#arch, row, exact), installed: false };
    } catch (error) {
      // The process may have gone, and with it the code that is in no file.
      if (!(error instanceof FormatError || error instanceof UsageError)) throw error;
      this.#damaged++;
      return nothing();
    }
  }

  #describedRow(lookup: number): UnwindRow | undefined {
    const described = this.#describedAt(lookup);
    return described?.table.rowAt(lookup - described.bias);
  }

  /** A handler returns into the vDSO of arm64 at the instruction itself: nothing called it. */
  #trampoline(lookup: number, exact: boolean): UnwindRow | undefined {
    const address = BigInt(exact ? lookup : lookup + 1);
    const vdso = this.#arch === 'arm64' ? this.#vdso(address) : undefined;
    if (vdso === undefined || address + BigInt(TRAMPOLINE_BYTES) > vdso.end) return undefined;
    return signalTrampolineRow(this.#code.readMemory(address, TRAMPOLINE_BYTES));
  }

  #vdso(address: bigint): MapEntry | undefined {
    const vdso = this.#code.maps().find(m => m.path === '[vdso]');
    return vdso !== undefined && address >= vdso.start && address < vdso.end ? vdso : undefined;
  }

  #describedAt(address: number): Described | undefined {
    const module = this.#code.moduleAt(BigInt(address));
    if (module !== undefined) {
      const { elf, bias } = module;
      if (elf === undefined) return undefined;
      return this.#keep(module, () => ({ table: new UnwindTable(elf), bias: Number(bias) }));
    }
    const vdso = this.#vdso(BigInt(address));
    if (vdso === undefined) return undefined;
    return this.#keep(VDSO, () => {
      const length = Math.min(Number(vdso.end - vdso.start), VDSO_BYTES_MAX);
      const elf = openElf(bufferReader(this.#code.readMemory(vdso.start, length)));
      return { table: new UnwindTable(elf), bias: Number(vdso.start) };
    });
  }

  #keep(key: object, open: () => Described): Described {
    let described = this.#tables.get(key);
    if (described === undefined) {
      described = open();
      this.#tables.set(key, described);
    }
    return described;
  }
}

const VDSO = {};
