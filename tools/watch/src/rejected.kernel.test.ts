/**
 * Every program of the corpus, refused by the kernel that this runs on, and explained: the kind of
 * mistake, the line of C, and the schema's declaration. What a reader would get wrong: kernels
 * differ in their words and in what they print of registers, so that the same expectations on the
 * oldest and on the newest kernel are what is tested.
 */
import { BpfObject } from '@sonde/core/libbpf';
import { explainRejection, readProbeObject, type Rejection } from '@sonde/core/loader';
import { reportCompared } from '@sonde/vm-tests/kit';
import t from 'tap';
import { ir } from './gen/rejected-ir.js';

// An emulated machine is slow; who runs this file ends it when it hangs.
t.setTimeout(0);

/** What an author has to be told of one program. */
interface Expected {
  readonly kind: string;
  /** In the text of the author's line, or of the header's where the compiler kept no other. */
  readonly line: string;
  readonly schema?: string;
}

const EXPECTED: Readonly<Record<string, Expected>> = {
  arithmetic_on_null: { kind: 'null-unchecked', line: '(char *)life' },
  atomic_misaligned: { kind: 'misaligned', line: '__sync_fetch_and_add' },
  context_args_past_end: { kind: 'context-bounds', line: 'ctx[64]' },
  context_moved: { kind: 'context-moved', line: '(char *)ctx + place' },
  context_past_end: { kind: 'context-bounds', line: '4096' },
  frame_pointer_written: { kind: 'frame-pointer', line: 'r10 += 8' },
  helper_of_another_type: { kind: 'helper-unknown', line: 'bpf_skb_load_bytes' },
  key_is_a_number: { kind: 'wrong-argument', line: 'bpf_map_lookup_elem' },
  length_zero: { kind: 'length-zero', line: 'bpf_get_current_comm' },
  loop_never_ends: { kind: 'loop', line: 'for (;;)' },
  map_of_another_type: { kind: 'map-type', line: 'bpf_get_stackid' },
  map_value_unchecked: { kind: 'null-unchecked', line: 'life->births', schema: 'life.births' },
  number_as_pointer: { kind: 'number-as-pointer', line: 'life->bytes', schema: 'life.bytes' },
  number_as_record: { kind: 'wrong-argument', line: 'bpf_ringbuf_submit' },
  param_written: { kind: 'read-only', line: '*limit = 9', schema: 'config.limit' },
  pointer_masked: { kind: 'pointer-arithmetic', line: '&= -16' },
  pointer_multiplied: { kind: 'pointer-arithmetic', line: '*= 3' },
  record_after_submit: { kind: 'record-given-away', line: 'call->bytes', schema: 'call.bytes' },
  record_index_unbounded: {
    kind: 'unbounded-index',
    line: 'call->samples[slot]',
    schema: 'call.samples',
  },
  record_kept: { kind: 'record-kept', line: '}' },
  record_past_end: { kind: 'out-of-bounds', line: 'call->samples[7]', schema: 'call.samples' },
  record_size_varies: { kind: 'size-not-constant', line: 'bpf_ringbuf_reserve' },
  record_twice: { kind: 'record-given-away', line: 'bpf_ringbuf_submit' },
  record_unchecked: { kind: 'null-unchecked', line: 'call->tid', schema: 'call.tid' },
  record_unchecked_raw: { kind: 'null-unchecked', line: 'call->bytes', schema: 'call.bytes' },
  register_not_set: { kind: 'not-set', line: '= r8' },
  stack_index_unbounded: { kind: 'stack-bounds', line: 'room[slot]' },
  stack_length_negative: { kind: 'unbounded-length', line: 'bpf_probe_read_user' },
  stack_past_end: { kind: 'stack-bounds', line: 'bpf_probe_read_kernel' },
  stack_too_large: { kind: 'unbounded-length', line: 'bpf_probe_read_user' },
  user_pointer: { kind: 'number-as-pointer', line: '*place == 7' },
  value_before_start: { kind: 'out-of-bounds', line: '(__u64 *)life - 1' },
  value_index_signed: { kind: 'unbounded-index', line: 'life->slots', schema: 'life.slots' },
  value_index_too_wide: { kind: 'out-of-bounds', line: 'life->slots', schema: 'life.slots' },
  value_index_unbounded: { kind: 'unbounded-index', line: 'life->slots', schema: 'life.slots' },
  value_past_end: { kind: 'out-of-bounds', line: 'wrong->samples', schema: 'call.samples' },
  value_too_short: { kind: 'stack-bounds', line: 'bpf_map_update_elem' },
};

const bytes = readProbeObject(ir, new URL('../dist/bpf/', import.meta.url));

/** Loads one program alone; undefined when the kernel takes it. */
function refusal(program: string): Rejection | undefined {
  const object = new BpfObject(ir.name, bytes);
  try {
    for (const name of object.programNames) object.setAutoload(name, name === program);
    const refused = object.load();
    if (refused === undefined) return undefined;
    return explainRejection(refused.verifierLog, bytes, program, ir);
  } finally {
    object.close();
  }
}

t.test('the object itself is sound: a program that is right is accepted', async t => {
  t.equal(refusal('accepted'), undefined);
});

t.test('the corpus and the expectations are the same programs, 30 or more', async t => {
  const object = new BpfObject(ir.name, bytes);
  const programs = object.programNames.filter(name => name !== 'accepted');
  object.close();
  t.same([...programs].sort(), Object.keys(EXPECTED).sort());
  t.ok(programs.length >= 30, `${programs.length} programs`);
});

t.test('each program is refused, and its author is told why and where', async t => {
  let explained = 0;
  for (const [program, expected] of Object.entries(EXPECTED)) {
    const told = refusal(program);
    const line = told?.from ?? told?.at;
    t.match(
      { kind: told?.kind, line: line?.text, schema: told?.schema?.name },
      { kind: expected.kind, line: expected.line, schema: expected.schema },
      `${program}: ${told?.summary ?? 'it was accepted'}`,
    );
    t.ok(
      told?.schema === undefined || told.schema.source?.line,
      `${program}: a line of the schema`,
    );
    if (told !== undefined && told.words !== '' && told.next !== '') explained++;
  }
  t.equal(explained, Object.keys(EXPECTED).length, 'every one has words and a next step');
  reportCompared(explained);
});
