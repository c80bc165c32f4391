/**
 * Fills a probe's configuration, section `.rodata.sonde`, by the offsets of its representation. The
 * fact that is easy to get wrong: the first 16 bytes are not ours to write, they say which schema
 * the object was compiled from, and an object of another schema is refused.
 */
import { LoadError } from '../errors.js';
import { SONDE_TARGET, type FieldIr, type ProbeIr, type StructIr } from '../schema/index.js';

/** Name of the section, and of libbpf's map for it. */
export const CONFIG_SECTION = '.rodata.sonde';

/** Fields of a `sonde_target` by their names in the schema; what is absent becomes 0. */
export type TargetConfig = Readonly<Record<string, number | bigint | boolean>>;

/** What the session decides for one probe. */
export interface ProbeConfig {
  readonly target: TargetConfig;
  /** Parameters by name; the others keep the default that was compiled in. */
  readonly params: Readonly<Record<string, number>>;
  readonly mode: 'stream' | 'aggregate';
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Throws LoadError when the object was compiled from another schema than `ir`. */
export function checkSchemaHash(section: DataView, ir: ProbeIr): void {
  const found = hex(new Uint8Array(section.buffer, section.byteOffset, 16));
  if (found === ir.hash) return;
  throw new LoadError(
    `load probe ${ir.name}: its object carries schema hash ${found}, the decoder ${ir.hash}`,
    { summary: 'object and decoder are of different schemas' },
    { hint: `rebuild the probe: npx nx run probe-${ir.name}:bpf` },
  );
}

function writeScalar(
  view: DataView,
  at: number,
  field: FieldIr,
  value: number | bigint | boolean,
): void {
  const whole = BigInt(value);
  const { sizeBytes } = field;
  const bits = BigInt(8 * sizeBytes);
  const signed = field.type.kind === 'scalar' && field.type.scalar.startsWith('s');
  const low = signed ? -(1n << (bits - 1n)) : 0n;
  const high = signed ? (1n << (bits - 1n)) - 1n : (1n << bits) - 1n;
  if (whole < low || whole > high) {
    throw new LoadError(`set ${field.name} to ${whole}: it holds ${low} to ${high}`);
  }
  let rest = BigInt.asUintN(Number(bits), whole);
  for (let i = 0; i < sizeBytes; i++) {
    view.setUint8(at + i, Number(rest & 0xffn));
    rest >>= 8n;
  }
}

function field(struct: StructIr, name: string): FieldIr {
  const found = struct.fields.find(each => each.name === name);
  if (found === undefined) throw new LoadError(`set ${name}: ${struct.name} has no such field`);
  return found;
}

function writeTarget(view: DataView, base: number, values: TargetConfig): void {
  for (const name of Object.keys(values)) field(SONDE_TARGET, name);
  for (const each of SONDE_TARGET.fields) {
    if (each.padding === true || each.type.kind !== 'scalar') continue;
    writeScalar(view, base + each.offsetBytes, each, values[each.name] ?? 0);
  }
}

/**
 * Writes target, parameters and mode into the section. Throws LoadError for an unknown parameter or
 * a value out of its type's range, and when the section is of another schema.
 */
export function writeConfig(section: DataView, ir: ProbeIr, config: ProbeConfig): void {
  const { config: struct } = ir;
  if (section.byteLength < struct.sizeBytes) {
    const sizes = `${section.byteLength} bytes, not ${struct.sizeBytes}`;
    throw new LoadError(`load probe ${ir.name}: section ${CONFIG_SECTION} has ${sizes}`);
  }
  checkSchemaHash(section, ir);
  writeTarget(section, field(struct, 'target').offsetBytes, config.target);
  for (const [name, value] of Object.entries(config.params)) {
    if (!ir.params.some(param => param.name === name)) {
      const known = ir.params.map(param => param.name).join(', ') || 'none';
      throw new LoadError(`set parameter ${name} of probe ${ir.name}: it has only ${known}`);
    }
    const target = field(struct, name);
    writeScalar(section, target.offsetBytes, target, value);
  }
  const mode = field(struct, 'mode');
  writeScalar(section, mode.offsetBytes, mode, config.mode === 'aggregate' ? 1 : 0);
}
