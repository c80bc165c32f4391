/**
 * What a generated `gen/<probe>.ts` exports to the rest of Sonde: codecs by name, for code that
 * knows no probe. What a reader would get wrong: these are for tables, JSON and low rates; code
 * that knows its probe imports the generated cursors and column decoders instead.
 */
import type { ProbeIr, Unit } from '../schema/ir.js';

/** What a column holds once decoded. */
export type ColumnKind =
  'number' | 'bigint' | 'boolean' | 'string' | 'enum' | 'bytes' | 'list' | 'object';

/** One column of an event's table, in the schema's order. */
export interface ColumnInfo {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly unit: Unit;
  readonly about: string;
}

/** Reads one event of a probe. */
export interface EventCodec {
  /** Position in the schema; the record's header holds the probe's event base plus this. */
  readonly index: number;
  readonly name: string;
  /** Bytes of a record; of its fixed part where the event ends with a flexible array. */
  readonly sizeBytes: number;
  /** A plain object that outlives the record. Throws RangeError for a record of another size. */
  decode(view: DataView, offset: number): Record<string, unknown>;
  readonly columns: readonly ColumnInfo[];
}

/** Reads the entries of one map. */
export interface MapCodec<Key = unknown, Value = unknown> {
  readonly keyBytes: number;
  /** Bytes of one value; a per-CPU map gives it once per possible CPU, rounded up to 8. */
  readonly valueBytes: number;
  decodeKey(view: DataView, offset: number): Key;
  decodeValue(view: DataView, offset: number): Value;
  /** Writes a key for a lookup; absent where the key is more than a flat struct. */
  encodeKey?(view: DataView, offset: number, key: Key): void;
}

/** A probe as the session and the command line meet it. */
export interface ProbeModule {
  readonly ir: ProbeIr;
  readonly events: Readonly<Record<string, EventCodec>>;
  readonly maps: Readonly<Record<string, MapCodec>>;
  /** The folder of the probe's objects, `<name>.<arch>.bpf.o`. */
  readonly objectBase: URL;
}
