/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The runtime of every probe: the maps that the session shares or reads, the filter for the traced
 * process, site ids, and loss counters. A generated probe header includes this after it has defined
 * `config` and SONDE_TARGET. What a reader would get wrong: `config` is read-only data whose values
 * the verifier knows, so a branch on it costs nothing and code behind a false one is never checked;
 * that is how helpers newer than Linux 5.10 may appear here at all.
 */
#ifndef SONDE_BPF_H
#define SONDE_BPF_H

#ifndef SONDE_TARGET
#error "include the generated header of a probe, not this one"
#endif

#include "gen/sonde_types.bpf.h"

#define SONDE_SITES 256
/* Hits that belong to no known site are counted here; the session hands out smaller numbers. */
#define SONDE_SITE_UNKNOWN (SONDE_SITES - 1)

/* One ring per session: the session replaces it by its own before load. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} sonde_ring SEC(".maps");

/* Lost records and failed reads, by `enum sonde_loss`. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SONDE_LOSS_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} sonde_losses SEC(".maps");

/* How often each site was hit by the target, whether or not an event came of it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SONDE_SITES);
	__type(key, __u32);
	__type(value, __u64);
} sonde_hits SEC(".maps");

/* Address of a probed instruction, or index of an attach point → site id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4 * SONDE_SITES);
	__type(key, __u64);
	__type(value, __u32);
} sonde_sites SEC(".maps");

/* Site id → index of its attach point in the schema, and above 16 bits which part of it it is. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SONDE_SITES);
	__type(key, __u32);
	__type(value, __u32);
} sonde_site_points SEC(".maps");

/* Counts one loss. */
static __always_inline void sonde_loss(__u32 kind)
{
	__u64 *count = bpf_map_lookup_elem(&sonde_losses, &kind);

	if (count)
		__sync_fetch_and_add(count, 1);
}

/* Wakes the consumer only once enough has gathered; it also looks at the ring on a timer. */
static __always_inline __u64 sonde_wakeup_flags(void)
{
	if (bpf_ringbuf_query(&sonde_ring, BPF_RB_AVAIL_DATA) >= SONDE_TARGET->ring_wakeup_bytes)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

/* Fills what every record starts with; `event` is the event's index in its probe's schema. */
static __always_inline void sonde_fill_header(struct sonde_header *header, __u32 event, __u32 size)
{
	header->event = SONDE_TARGET->event_base + event;
	header->flags = 0;
	header->size = size;
	header->ktime_ns = bpf_ktime_get_ns();
}

/* Whether the current task belongs to the traced process. */
static __always_inline bool sonde_is_target(void)
{
	if (SONDE_TARGET->pidns_ino) {
		struct bpf_pidns_info task = {};

		if (bpf_get_ns_current_pid_tgid(SONDE_TARGET->pidns_dev, SONDE_TARGET->pidns_ino,
						&task, sizeof(task)))
			return false;
		return task.tgid == SONDE_TARGET->tgid;
	}
	return (bpf_get_current_pid_tgid() >> 32) == SONDE_TARGET->tgid;
}

/* Never filled: see below. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sonde_no_programs SEC(".maps");

/*
 * The same for user probes, and it keeps their stack where it is. Since Linux 6.13 the x86 JIT may
 * move the stack of a program with a kprobe's type into memory that each CPU has once, because such
 * programs do not nest on a CPU. User probes do: they may be preempted, and another thread then
 * runs the same program on the same memory (kernel/bpf/verifier.c, bpf_enable_priv_stack; seen on
 * 7.3 as a wild read). A program that holds a tail call is left alone; the verifier knows that the
 * target's tgid is never 0 and removes this one.
 */
static __always_inline bool sonde_is_target_at(struct pt_regs *ctx)
{
	if (!SONDE_TARGET->tgid)
		bpf_tail_call(ctx, &sonde_no_programs, 0);
	return sonde_is_target();
}

/* The current thread's id, in the namespace in which the tracer names processes. */
static __always_inline __u32 sonde_tid(void)
{
	if (SONDE_TARGET->pidns_ino) {
		struct bpf_pidns_info task = {};

		if (!bpf_get_ns_current_pid_tgid(SONDE_TARGET->pidns_dev, SONDE_TARGET->pidns_ino,
						 &task, sizeof(task)))
			return task.pid;
	}
	return (__u32)bpf_get_current_pid_tgid();
}

/* The site behind a key of `sonde_sites`. */
static __always_inline __u32 sonde_site_of(__u64 key)
{
	__u32 *site = bpf_map_lookup_elem(&sonde_sites, &key);

	return site ? *site : SONDE_SITE_UNKNOWN;
}

/* The instruction pointer of the registers that a user probe got. */
static __always_inline __u64 sonde_ip(const struct pt_regs *ctx)
{
#if defined(__TARGET_ARCH_x86)
	return ctx->ip;
#else
	return ((const struct user_pt_regs *)ctx)->pc;
#endif
}

/* The site of a user probe: from its cookie, before Linux 5.15 from the probed address. */
static __always_inline __u32 sonde_site(struct pt_regs *ctx)
{
	if (SONDE_TARGET->has_cookie)
		return (__u32)bpf_get_attach_cookie(ctx);
	return sonde_site_of(sonde_ip(ctx));
}

/*
 * The site of a C function's return. The instruction pointer is then the caller's, so that without
 * cookies only the attach point, if the program knows it, leads to the site.
 */
static __always_inline __u32 sonde_return_site(struct pt_regs *ctx, __u32 point)
{
	if (SONDE_TARGET->has_cookie)
		return (__u32)bpf_get_attach_cookie(ctx);
	return sonde_site_of(point);
}

/* Counts one hit of a site. */
static __always_inline void sonde_hit(__u32 site)
{
	__u32 index = site < SONDE_SITES ? site : SONDE_SITE_UNKNOWN;
	__u64 *count = bpf_map_lookup_elem(&sonde_hits, &index);

	if (count)
		__sync_fetch_and_add(count, 1);
}

/* Counts one hit of an attach point that has a single place, such as a kernel function. */
static __always_inline void sonde_hit_point(__u32 point)
{
	sonde_hit(sonde_site_of(point));
}

/* The attach point to which a site belongs; `SONDE_SITES` when the site is unknown. */
static __always_inline __u32 sonde_point_of(__u32 site)
{
	__u32 *point;

	if (site >= SONDE_SITE_UNKNOWN)
		return SONDE_SITES;
	point = bpf_map_lookup_elem(&sonde_site_points, &site);
	return point ? *point & 0xffff : SONDE_SITES;
}

/* Which of the functions of its alternative (goEntries) a site belongs to, counted from 0. */
static __always_inline __u32 sonde_part_of(__u32 site)
{
	__u32 *point;

	if (site >= SONDE_SITE_UNKNOWN)
		return 0;
	point = bpf_map_lookup_elem(&sonde_site_points, &site);
	return point ? *point >> 16 : 0;
}

/* Whether this stands in the program of that name, as the compiler knows; BPF_PROG adds "____". */
#define SONDE_STANDS_IN(program)                                                                   \
	(!__builtin_strcmp(__func__, program) || !__builtin_strcmp(__func__, "____" program))

/*
 * Sends a record that was kept in a map until all of it was known; `event` is its index in the
 * schema. A record that is made and sent at once is better reserved, which copies nothing.
 */
static __always_inline void sonde_send(void *record, __u32 event, __u32 size)
{
	sonde_fill_header(record, event, size);
	if (bpf_ringbuf_output(&sonde_ring, record, size, sonde_wakeup_flags()))
		sonde_loss(SONDE_LOSS_RING_FULL);
}

/*
 * The value under a key of a hash map, made with zeros where there was none; NULL, counted as a
 * loss, where the map has no room. `key` points to the key.
 */
#define SONDE_ENTRY(map, key)                                                                      \
	({                                                                                         \
		typeof(*(map).value) *entry = bpf_map_lookup_elem(&(map), (key));                  \
		if (!entry) {                                                                      \
			typeof(*(map).value) fresh = {};                                           \
			bpf_map_update_elem(&(map), (key), &fresh, BPF_NOEXIST);                   \
			entry = bpf_map_lookup_elem(&(map), (key));                                \
		}                                                                                  \
		if (!entry)                                                                        \
			sonde_loss(SONDE_LOSS_MAP_FULL);                                           \
		entry;                                                                             \
	})

/* Puts a value under a key of a hash map; a map without room for it is counted as a loss. */
#define SONDE_PUT(map, key, value)                                                                 \
	({                                                                                         \
		if (bpf_map_update_elem(&(map), (key), (value), BPF_ANY))                          \
			sonde_loss(SONDE_LOSS_MAP_FULL);                                           \
	})

/* Adds one duration under a key of a per-CPU hash map whose values are a schema's durations(). */
#define SONDE_ADD_DURATION(map, key, ns)                                                           \
	({                                                                                         \
		__u64 added = (ns);                                                                \
		typeof(*(map).value) *sum = SONDE_ENTRY(map, key);                                 \
		if (sum) {                                                                         \
			sum->count++;                                                              \
			sum->total_ns += added;                                                    \
			if (added > sum->max_ns)                                                   \
				sum->max_ns = added;                                               \
		}                                                                                  \
	})

char LICENSE[] SEC("license") = "GPL";

#include "sonde_go.bpf.h"
#include "sonde_stack.bpf.h"
#include "sonde_sched.bpf.h"
#include "sonde_syscall.bpf.h"

#endif
