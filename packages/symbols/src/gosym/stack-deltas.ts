/**
 * How far a function has moved the stack pointer at one of its instructions: the runtime's pcsp
 * table, which its own traceback walks by. What a reader would get wrong: the delta does not count
 * the return address that a call pushes on x86-64, and on arm64 it counts the slot of the link
 * register.
 */
import { FormatError } from '../elf/index.js';
import type { FunctionTable } from './function-table.js';
import { PcValues } from './pc-value.js';

/** `pcsp` stands before `pcfile` in the record of every layout (runtime/runtime2.go, _func). */
const PCSP_BEFORE_PCFILE = 4;

/** Looks deltas up in one function table. */
export class StackDeltas {
  readonly #table: FunctionTable;
  readonly #values = new PcValues();

  constructor(table: FunctionTable) {
    this.#table = table;
  }

  /** Bytes at an address; undefined outside of Go's code and where the table is silent. */
  at(address: number): number | undefined {
    const table = this.#table;
    const index = table.indexAt(address);
    const record = index < 0 ? -1 : table.recordAt(index);
    if (record < 0) return undefined;
    const pcsp = table.field(record, table.layout.func.pcfile - PCSP_BEFORE_PCFILE);
    if (pcsp === 0) return undefined;
    const start = table.starts[index]!;
    const offset = address - table.module.text - start;
    const values = this.#values;
    try {
      const bytes = table.part(table.header.pcTables);
      values.decode(bytes, pcsp, table.header.quantum, table.starts[index + 1]! - start);
    } catch (error) {
      if (error instanceof FormatError) return undefined;
      throw error;
    }
    for (let i = 0; i < values.count; i++) {
      if (offset >= values.ends[i]!) continue;
      const delta = values.values[i]!;
      return delta >= 0 ? delta : undefined;
    }
    return undefined;
  }
}
