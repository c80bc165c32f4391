/**
 * Fields of records and map rows by the offsets of a probe's representation. The fact a reader
 * gets wrong: this is how code that knows a probe only by its schema reads a million rows without
 * making a million objects; nothing here is a second copy of a layout.
 */
import type { MapRows } from '@sonde/core';
import type { ProbeIr, StructIr } from '@sonde/core/schema';

const WORD = 2 ** 32;

/** Where one u64 or u32 field lies. */
export interface FieldPlace {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** The place of a field of a map's value. Throws TypeError for names that the schema lacks. */
export function valueField(ir: ProbeIr, map: string, field: string): FieldPlace {
  const value = ir.maps.find(each => each.name === map)?.value;
  const struct = value?.kind === 'struct' ? structNamed(ir, value.name) : undefined;
  return fieldOf(struct, `${ir.name} map ${map}`, field);
}

/** The place of a field of an event. Throws TypeError for names that the schema lacks. */
export function eventField(ir: ProbeIr, event: string, field: string): FieldPlace {
  const struct = ir.events.find(each => each.name === event)?.struct;
  return fieldOf(struct, `${ir.name} event ${event}`, field);
}

function structNamed(ir: ProbeIr, name: string): StructIr | undefined {
  const type = ir.types.find(each => each.name === name);
  return type?.kind === 'struct' ? type : undefined;
}

function fieldOf(struct: StructIr | undefined, where: string, field: string): FieldPlace {
  const found = struct?.fields.find(each => each.name === field && each.padding !== true);
  if (found) return found;
  throw new TypeError(`read ${where}: the probe's schema has no field ${field}`);
}

/** A field as a number; a u64 is exact below 2^53, which addresses and sizes of a process are. */
export function readNumber(view: DataView, offset: number, field: FieldPlace): number {
  const at = offset + field.offsetBytes;
  if (field.sizeBytes === 8) return view.getUint32(at + 4, true) * WORD + view.getUint32(at, true);
  if (field.sizeBytes === 4) return view.getUint32(at, true);
  throw new TypeError(`read a field of ${field.sizeBytes} bytes: only 4 and 8 are numbers here`);
}

/** A clock reading as nanoseconds since `startNs`: exact, whatever the machine's uptime. */
export function readSince(
  view: DataView,
  offset: number,
  field: FieldPlace,
  startNs: bigint,
): number {
  const at = offset + field.offsetBytes;
  const low = view.getUint32(at, true) - Number(startNs & 0xffff_ffffn);
  const high = view.getUint32(at + 4, true) - Number(startNs >> 32n);
  return high * WORD + low;
}

/** Sum of a field over all rows and all CPUs of a map. */
export function sumOver(rows: MapRows, field: FieldPlace): number {
  const slot = rows.valueStrideBytes / rows.cpus;
  let sum = 0;
  for (let row = 0; row < rows.count; row++) {
    for (let cpu = 0; cpu < rows.cpus; cpu++) {
      sum += readNumber(rows.values, row * rows.valueStrideBytes + cpu * slot, field);
    }
  }
  return sum;
}
