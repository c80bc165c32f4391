// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Every program of the corpus in one object, and one that is accepted, which shows that a refusal
 * comes from the program and not from the object. Each program is loaded alone.
 */
#include "gen/rejected.bpf.h"

SEC("raw_tp/sys_enter")
int accepted(void *ctx)
{
	return 0;
}

#include "rejected/map_value_unchecked.c"
#include "rejected/record_unchecked.c"
#include "rejected/record_unchecked_raw.c"
#include "rejected/arithmetic_on_null.c"
#include "rejected/user_pointer.c"
#include "rejected/number_as_pointer.c"
#include "rejected/number_as_record.c"
#include "rejected/value_past_end.c"
#include "rejected/record_past_end.c"
#include "rejected/record_index_unbounded.c"
#include "rejected/value_index_unbounded.c"
#include "rejected/value_index_too_wide.c"
#include "rejected/value_index_signed.c"
#include "rejected/value_before_start.c"
#include "rejected/param_written.c"
#include "rejected/stack_past_end.c"
#include "rejected/stack_too_large.c"
#include "rejected/stack_length_negative.c"
#include "rejected/stack_index_unbounded.c"
#include "rejected/context_past_end.c"
#include "rejected/context_moved.c"
#include "rejected/context_args_past_end.c"
#include "rejected/record_kept.c"
#include "rejected/record_twice.c"
#include "rejected/record_after_submit.c"
#include "rejected/record_size_varies.c"
#include "rejected/helper_of_another_type.c"
#include "rejected/map_of_another_type.c"
#include "rejected/key_is_a_number.c"
#include "rejected/length_zero.c"
#include "rejected/value_too_short.c"
#include "rejected/loop_never_ends.c"
#include "rejected/pointer_multiplied.c"
#include "rejected/pointer_masked.c"
#include "rejected/register_not_set.c"
#include "rejected/frame_pointer_written.c"
#include "rejected/atomic_misaligned.c"
