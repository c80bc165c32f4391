/**
 * The rows of a probe's map as plain keys and values.
 *
 * The fact readers get wrong: a per-CPU map has one value for every CPU that the machine may ever
 * have, so `values` is a list; maps of other kinds have a list of one.
 */
import type { MapRows } from '@sonde/core';
import type { ProbeModule } from '@sonde/core/decode';

/** What reads the bytes: a session. */
export interface RowSource {
  readMap(probe: string, map: string): MapRows;
}

/** One entry of a map: the key and its value, or its values by CPU. */
export interface MapRow<Key, Value> {
  readonly key: Key;
  readonly values: readonly Value[];
}

/** Reads every entry of a map by its name in the schema. Throws for a map that it lacks. */
export function mapRows<Key = unknown, Value = unknown>(
  session: RowSource,
  module: ProbeModule,
  map: string,
): MapRow<Key, Value>[] {
  const codec = module.maps[map];
  if (codec === undefined) {
    const names = Object.keys(module.maps).join(', ') || 'no map';
    throw new RangeError(`read map ${map} of ${module.ir.name}: it has only ${names}`);
  }
  const rows = session.readMap(module.ir.name, map);
  const slotBytes = rows.valueStrideBytes / rows.cpus;
  return Array.from({ length: rows.count }, (_, row) => ({
    key: codec.decodeKey(rows.keys, row * rows.keyBytes) as Key,
    values: Array.from(
      { length: rows.cpus },
      (_, cpu) =>
        codec.decodeValue(rows.values, row * rows.valueStrideBytes + cpu * slotBytes) as Value,
    ),
  }));
}
