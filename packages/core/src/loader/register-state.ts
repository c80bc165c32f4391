/**
 * What the verifier knew of a register when it refused an instruction, read from its log and put in
 * words.
 *
 * What a reader would get wrong: kernels name the same things differently. Before 5.18 a number is
 * `inv` and a ring record `mem`, ranges are `umax_value=`, and a register's state is printed at
 * branches only; since 6.x it is `scalar` and `ringbuf_mem`, ranges are `umax=`, several names may
 * share a value (`smax=umax=120`), and states stand behind the instruction that changed them.
 */

/** A register's type and attributes, as far as the log tells. */
export interface RegisterState {
  /** `map_value`, `map_value_or_null`, `ringbuf_mem`, `ctx`, `fp`, `scalar`, … in new names. */
  readonly type: string;
  /** Name of the map for map values, where the kernel tells it. */
  readonly map?: string;
  /** Size of the map value or of the record behind the pointer, in bytes. */
  readonly sizeBytes?: number;
  /** The fixed part of the distance from the start of what is pointed to, in bytes. */
  readonly offset: number;
  /** The variable part of that distance, or a number's range; undefined when there is no bound. */
  readonly least?: bigint;
  readonly most?: bigint;
}

/** Old name → present name. */
const RENAMED: Readonly<Record<string, string>> = {
  inv: 'scalar',
  invP: 'scalar',
  mem: 'ringbuf_mem',
  mem_or_null: 'ringbuf_mem_or_null',
};

/** The text between the parentheses at `open`, with what is nested in it. */
function parenthesised(text: string, open: number): string {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === '(') depth++;
    if (text[at] === ')' && --depth === 0) return text.slice(open + 1, at);
  }
  return text.slice(open + 1);
}

/** `a=b=3,var_off=(0x0; 0xf)` → each name with its value; nested parentheses stay whole. */
function attributes(text: string): Map<string, string> {
  const found = new Map<string, string>();
  const pattern = /((?:[a-z_0-9]+=)+)(\([^)]*\)|[^,]*)(?:,|$)/g;
  for (const [, names = '', value = ''] of text.matchAll(pattern)) {
    for (const name of names.split('=')) if (name !== '') found.set(name, value);
  }
  return found;
}

function integer(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^-?(?:0x[0-9a-f]+|\d+)$/.test(text)) return undefined;
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
}

function first(values: Map<string, string>, names: readonly string[]): bigint | undefined {
  for (const name of names) {
    const value = integer(values.get(name));
    if (value !== undefined) return value;
  }
  return undefined;
}

/** Signed bounds: newer kernels print them as the hexadecimal digits of their 64 bits. */
function signed(values: Map<string, string>, names: readonly string[]): bigint | undefined {
  const value = first(values, names);
  return value === undefined ? undefined : BigInt.asIntN(64, value);
}

/** Parses one state such as `map_value(id=0,off=0,ks=8,vs=80,imm=0)`, `inv7`, `fp-64` or `3`. */
export function parseState(text: string): RegisterState {
  const number = integer(/^(?:P|inv|invP)?(-?(?:0x[0-9a-f]+|\d+))$/.exec(text)?.[1]);
  if (number !== undefined) return { type: 'scalar', offset: 0, least: number, most: number };
  const frame = /^fp(-?\d+)$/.exec(text);
  if (frame !== null) return { type: 'fp', offset: Number(frame[1]) };
  const open = text.indexOf('(');
  const name = open < 0 ? text : text.slice(0, open);
  const values = attributes(open < 0 ? '' : parenthesised(text, open));
  const size = first(values, ['vs', 'sz', 'mem_size']);
  const map = values.get('map');
  const least = first(values, ['umin', 'umin_value']) ?? signed(values, ['smin', 'smin_value']);
  const most = first(values, ['umax', 'umax_value']) ?? signed(values, ['smax', 'smax_value']);
  const type = RENAMED[name] ?? name;
  return {
    type,
    ...(map === undefined ? {} : { map }),
    ...(size === undefined ? {} : { sizeBytes: Number(size) }),
    offset: Number(first(values, ['off']) ?? 0n),
    ...(least === undefined ? {} : { least }),
    ...(most === undefined ? {} : { most }),
  };
}

/** The last state of register `register` (0 … 10) that stands in these lines of a log. */
export function lastState(lines: readonly string[], register: number): RegisterState | undefined {
  const pattern = new RegExp(
    `(?:^|\\s)R${register}(?:_[rw]+)?=([a-zA-Z_]*-?[0-9a-fx]*)(\\()?`,
    'g',
  );
  for (let at = lines.length - 1; at >= 0; at--) {
    const line = lines[at] as string;
    const hit = [...line.matchAll(pattern)].at(-1);
    if (hit === undefined) continue;
    const name = hit[1] as string;
    if (hit[2] === undefined) return parseState(name);
    const open = hit.index + hit[0].length - 1;
    return parseState(`${name}(${parenthesised(line, open)})`);
  }
  return undefined;
}

const UNBOUNDED = 1n << 31n;

function range(state: RegisterState): string {
  const { least = 0n, most } = state;
  if (most !== undefined && most === least) return `${most}`;
  if (most === undefined || most >= UNBOUNDED)
    return least < 0n ? 'any number' : 'up to any number';
  return `${least} to ${most}`;
}

/** A state in words, such as `a value of map lives (80 bytes), 16 bytes in`. */
export function describeState(state: RegisterState): string {
  const { type } = state;
  const size = state.sizeBytes === undefined ? '' : ` (${state.sizeBytes} bytes)`;
  const moves = state.most !== undefined && state.most !== 0n;
  const fixed = state.offset === 0 ? '' : `${state.offset} bytes `;
  const moved = moves ? `${fixed === '' ? '' : 'and '}${range(state)} ` : '';
  const inside = fixed === '' && !moves ? '' : `, ${fixed}${moved}from its start`;
  const orNull = type.endsWith('_or_null') ? ', or null' : '';
  switch (type.replace(/_or_null$/, '')) {
    case 'scalar':
      return state.most === undefined ? 'a number' : `a number, ${range(state)}`;
    case 'map_value':
      return `a value of map ${state.map ?? '(unnamed)'}${size}${inside}${orNull}`;
    case 'ringbuf_mem':
    case 'alloc_mem':
      return `a reserved record${size}${inside}${orNull}`;
    case 'ctx':
      return `the context${inside}`;
    case 'fp':
      return `a place on the stack, ${state.offset} bytes from its top`;
    case 'map_ptr':
      return `the map ${state.map ?? '(unnamed)'} itself`;
    default:
      return `${type}${size}${inside}`;
  }
}
