/**
 * Prints `gen/<probe>.ts`, the decoder, and `gen/<probe>-ir.ts`, the representation that the loader
 * reads. What a reader would get wrong: types come out in dependency order, because a cursor's
 * initialisers run when its class is made.
 */
import type { EnumIr, ProbeIr, StructIr, UnionIr } from '@sonde/core/schema';
import { emitColumns } from './columns-class.js';
import { emitCursor } from './cursor-class.js';
import { emitEventCodec, emitMap } from './map-codecs.js';
import { ModulePrinter } from './module-printer.js';
import { emitEnum, emitFlexibleCheck, emitPlainStruct, emitUnion } from './plain-decoder.js';
import { TypeNames } from './type-names.js';

/** The decoder module as text. */
export async function printProbeModule(ir: ProbeIr, schemaFile: string): Promise<string> {
  const head = [
    `Decoders of the probe ${ir.name}: a cursor that reads in place, columns for high`,
    `rates, plain objects for the rest. The layout is the one of ${ir.name}.bpf.h.`,
  ].join('\n');
  const printer = new ModulePrinter(schemaFile, head);
  const names = new TypeNames(ir);
  for (const type of ir.types) {
    if (type.kind === 'enum') emitEnum(type, names, printer);
    else if (type.kind === 'union') emitUnion(type, tagEnumOf(type, ir), names, printer);
    else emitStruct(type, names, printer);
  }
  for (const event of ir.events) {
    emitFlexibleCheck(event.struct, names, printer);
    emitStruct(event.struct, names, printer);
    emitEventCodec(event, names, printer);
  }
  const maps = ir.maps.filter(map => emitMap(map, names, printer));
  const events = ir.events.map(event => `${event.name}: ${event.name}Codec,`);
  const module = printer.useType('ProbeModule');
  printer.use('ir', `./${ir.name}-ir.js`);
  printer.add(
    `/** The probe as session and command line meet it. */
    export const probe: ${module} = {
      ir,
      events: {\n${events.join('\n')}\n},
      maps: {\n${maps.map(map => `${map.name}: ${map.name}Map,`).join('\n')}\n},
      objectBase: new URL('../bpf/', import.meta.url),
    };`,
  );
  return printer.print();
}

function emitStruct(struct: StructIr, names: TypeNames, printer: ModulePrinter): void {
  emitPlainStruct(struct, names, printer);
  emitCursor(struct, names, printer);
  emitColumns(struct, names, printer);
}

/** The enum whose values are a union's tags: that of the tag field of any struct that holds it. */
function tagEnumOf(union: UnionIr, ir: ProbeIr): EnumIr {
  const structs = [
    ...ir.types.filter((type): type is StructIr => type.kind === 'struct'),
    ...ir.events.map(event => event.struct),
  ];
  for (const { fields } of structs) {
    if (!fields.some(({ type }) => type.kind === 'union' && type.name === union.name)) continue;
    const tag = fields.find(field => field.name === union.tagField);
    const tagType = tag?.type;
    if (tagType?.kind !== 'enum') continue;
    const found = ir.types.find(type => type.name === tagType.name);
    if (found?.kind === 'enum') return found;
  }
  throw new Error(`print TypeScript: union ${union.name} is held by no struct`);
}

/**
 * The representation as a module, with the schema's lines: a loader that has only the module can
 * then name the declaration that a refused program is about.
 */
export async function printIrModule(ir: ProbeIr, schemaFile: string): Promise<string> {
  const head = [
    `The representation of the probe ${ir.name}: layouts, maps, parameters and attach points`,
    'as plain values. Objects carry its hash.',
  ].join('\n');
  const printer = new ModulePrinter(schemaFile, head);
  const type = printer.useType('ProbeIr', '@sonde/core/schema');
  const plain = JSON.stringify(ir, undefined, 2);
  printer.add(
    `/** Evaluated from the schema; hash ${ir.hash}. */\nexport const ir: ${type} = ${plain};`,
  );
  return printer.print();
}
