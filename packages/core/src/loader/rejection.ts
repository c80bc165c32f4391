/**
 * Why the verifier refused a program, for its author: the line of the `.bpf.c`, the line of the
 * schema if a field is concerned, what is wrong in words, and what to do.
 *
 * What a reader would get wrong: the refused instruction is often in a header of the framework that
 * was inlined; then the author's own line before it is told too.
 */
import type { ProbeIr } from '../schema/index.js';
import { programLines, type ProgramLines, type SourceLine } from './line-info.js';
import { lastState, type RegisterState } from './register-state.js';
import { rejectionWords, type RefusedInstruction } from './rejection-rules.js';
import { configField, schemaField, type SchemaPlace } from './schema-field.js';
import { readVerifierLog, shortSummary, verdictLines } from './verifier-log.js';

/** A refusal, explained. */
export interface Rejection {
  /** The kernel's verdict in one line. */
  readonly summary: string;
  /** Kind of mistake, such as `null-unchecked`; `unknown` when the table has no entry for it. */
  readonly kind: string;
  /** What is wrong, with the types and ranges that the verifier knew; empty when unknown. */
  readonly words: string;
  /** What to do about it; empty when unknown. */
  readonly next: string;
  /** The line of the refused instruction. */
  readonly at?: SourceLine;
  /** The last line of the author's before it, where `at` is in a header. */
  readonly from?: SourceLine;
  /** For a record that is kept: the line that reserved it. */
  readonly reserved?: SourceLine;
  /** The declaration whose memory is accessed. */
  readonly schema?: SchemaPlace;
}

const INSTRUCTION = /^(\d+): \([0-9a-f]{2}\) (.*)$/;
const MEMORY = /\*\(\w+ \*\)\(r(\d+) ([+-]\d+)\)/;
const ASSIGNED = /^\d+: \([0-9a-f]{2}\) r(\d+) = (-?\d+)\b(?!\s*\S*\()/;

interface Failing {
  readonly index: number;
  readonly text: string;
  /** The log's lines up to and with the instruction. */
  readonly before: readonly string[];
}

function failing(log: string): Failing | undefined {
  const lines = verdictLines(log);
  for (let at = lines.length - 1; at >= 0; at--) {
    const match = INSTRUCTION.exec(lines[at] as string);
    // `regs=1 stack=0 before 10: (57) …` tells how the verifier went back, not what it refused.
    if (match === null) continue;
    const text = (match[2] as string).split(';')[0] ?? '';
    return { index: Number(match[1]), text: text.trim(), before: lines.slice(0, at + 1) };
  }
  return undefined;
}

/** A register's state, or the constant that an instruction of the shown path put there. */
function stateAt(before: readonly string[], register: number): RegisterState | undefined {
  for (let at = before.length - 2; at >= 0; at--) {
    const line = before[at] as string;
    const assigned = ASSIGNED.exec(line);
    if (assigned !== null && Number(assigned[1]) === register) {
      const value = BigInt(assigned[2] as string);
      return { type: 'scalar', offset: 0, least: value, most: value };
    }
    const known = lastState([line], register);
    if (known !== undefined) return known;
    if (new RegExp(`^\\d+: \\([0-9a-f]{2}\\) r${register} `).test(line)) return undefined;
  }
  return undefined;
}

function instructionFacts(at: Failing): RefusedInstruction {
  const memory = MEMORY.exec(at.text);
  const helper = /call (bpf_\w+)#/.exec(at.text)?.[1] ?? '';
  const earlier = at.before.slice(0, -1);
  return {
    ...(memory === null ? {} : { base: Number(memory[1]) }),
    offset: memory === null ? 0 : Number(memory[2]),
    helper,
    afterSubmit: earlier.some(line => /call bpf_ringbuf_(submit|discard)#/.test(line)),
    state: register => stateAt(at.before, register),
  };
}

/** Whether a line stands in the author's own program: a `.c` file. */
function authored(line: SourceLine): boolean {
  return line.file.endsWith('.c');
}

/** The line that covers an instruction, and the author's last one before it. */
function linesAt(
  lines: ProgramLines,
  index: number,
  quoted: string,
): { at?: SourceLine; from?: SourceLine } {
  const before = lines.own.filter(line => line.instruction <= index && line.line > 0);
  const at = before.at(-1);
  const fits = (line: SourceLine): boolean => quoted === '' || line.text === quoted;
  if (at === undefined || !fits(at)) {
    // A function of its own stands behind the program; its lines are known by their text alone.
    const named = lines.others.find(line => line.text === quoted && line.line > 0);
    if (named !== undefined) return { at: named };
  }
  if (at === undefined || authored(at)) return at === undefined ? {} : { at };
  // The first line is the function's own, which says nothing of what it calls.
  const from = before.slice(1).findLast(authored);
  return { at, ...(from === undefined ? {} : { from }) };
}

function quotedText(source: string): string {
  return source.replace(/ @ \S+:\d+$/, '').trim();
}

function fieldOf(
  ir: ProbeIr,
  at: RefusedInstruction,
  lines: { at?: SourceLine; from?: SourceLine },
  summary: string,
): SchemaPlace | undefined {
  const forbidden = /write into map forbidden, value_size=(\d+) off=(\d+)/.exec(summary);
  if (forbidden !== null && Number(forbidden[1]) === ir.config.sizeBytes) {
    return configField(ir, Number(forbidden[2]));
  }
  const text = (lines.from ?? lines.at)?.text ?? '';
  const state = at.base === undefined ? undefined : at.state(at.base);
  const offset = at.base === undefined ? undefined : at.offset + (state?.offset ?? 0);
  return schemaField(ir, text, offset);
}

/**
 * Explains a refusal. `object` are the bytes that were loaded, `log` what the verifier wrote. Never
 * throws for what a log says; throws FormatError when `object` is no ELF object.
 */
export function explainRejection(
  log: string,
  object: Uint8Array,
  program: string,
  ir: ProbeIr,
): Rejection {
  const verdict = readVerifierLog(log);
  const summary = shortSummary(verdict);
  const instruction = failing(log);
  if (instruction === undefined) return { summary, kind: 'unknown', words: '', next: '' };
  const facts = instructionFacts(instruction);
  const lines = programLines(object, program);
  const places = linesAt(lines, instruction.index, quotedText(verdict.source));
  const words = rejectionWords(verdict.summary, facts) ?? { kind: 'unknown', words: '', next: '' };
  const schema = fieldOf(ir, facts, places, verdict.summary);
  const kept = /alloc_insn=(\d+)/.exec(verdict.summary);
  const reserved = kept === null ? {} : linesAt(lines, Number(kept[1]), '');
  const reservedAt = reserved.from ?? reserved.at;
  return {
    summary,
    ...words,
    ...places,
    ...(reservedAt === undefined ? {} : { reserved: reservedAt }),
    ...(schema === undefined ? {} : { schema }),
  };
}

function shown(line: SourceLine): string {
  return `${line.file}:${line.line}: ${line.text}`;
}

function declared({ name, source }: SchemaPlace): string {
  return source === undefined ? name : `${name}, ${source.file}:${source.line}`;
}

/** A rejection as lines of a screen: where, what, the schema's line, what to do, the kernel. */
export function rejectionLines(rejection: Rejection): string[] {
  const { at, from, reserved, schema, words, next, summary } = rejection;
  const own = from ?? at;
  return [
    ...(own === undefined ? [] : [shown(own)]),
    ...(from === undefined || at === undefined ? [] : [`  in it: ${shown(at)}`]),
    ...(words === '' ? [] : [`  ${words}`]),
    ...(reserved === undefined ? [] : [`  reserved at ${shown(reserved)}`]),
    ...(schema === undefined ? [] : [`  schema: ${declared(schema)}`]),
    ...(next === '' ? [] : [`  next: ${next}`]),
    `  the kernel: ${summary}`,
  ];
}
