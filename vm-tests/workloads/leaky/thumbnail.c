/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leak: an entry that is pinned when it falls out of the cache is unlinked but not freed. Every
 * fourth picture is pinned, and nothing ever unpins one.
 */
#include "thumbnail.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_ENTRIES 32

struct cache_entry {
	uint32_t number;
	int pinned;
	size_t bytes;
	unsigned char pixels[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct cache_entry *cache[CACHE_ENTRIES];
static size_t next_slot;
static uint64_t lost_bytes;

__attribute__((noinline)) static struct cache_entry *cache_entry_new(uint32_t number, size_t bytes)
{
	struct cache_entry *entry = malloc(sizeof(*entry) + bytes);

	if (!entry)
		abort();
	entry->number = number;
	entry->pinned = number % 4 == 0;
	entry->bytes = bytes;
	return entry;
}

__attribute__((noinline)) static void cache_evict(struct cache_entry *entry)
{
	if (!entry)
		return;
	if (entry->pinned) {
		lost_bytes += sizeof(*entry) + entry->bytes;
		return;
	}
	free(entry);
}

__attribute__((noinline)) static void cache_insert(struct cache_entry *entry)
{
	pthread_mutex_lock(&lock);
	cache_evict(cache[next_slot]);
	cache[next_slot] = entry;
	next_slot = (next_slot + 1) % CACHE_ENTRIES;
	pthread_mutex_unlock(&lock);
}

/* The working buffer is twice as wide as the result and is given back: churn beside the leak. */
__attribute__((noinline)) static void scale_down(unsigned char *target, uint32_t number,
						 size_t width)
{
	size_t wide = 2 * width;
	unsigned char *work = malloc(wide * wide);

	if (!work)
		abort();
	for (size_t i = 0; i < wide * wide; i++)
		work[i] = (unsigned char)(i * 31 + number);
	for (size_t y = 0; y < width; y++)
		for (size_t x = 0; x < width; x++)
			target[y * width + x] = work[2 * y * wide + 2 * x];
	free(work);
}

uint32_t render_thumbnail(uint32_t number, size_t width)
{
	struct cache_entry *entry = cache_entry_new(number, width * width);
	uint32_t sum = number;

	scale_down(entry->pixels, number, width);
	for (size_t i = 0; i < entry->bytes; i++)
		sum = sum * 16777619u ^ entry->pixels[i];
	cache_insert(entry);
	return sum;
}

uint64_t thumbnail_lost_bytes(void)
{
	uint64_t bytes;

	pthread_mutex_lock(&lock);
	bytes = lost_bytes;
	pthread_mutex_unlock(&lock);
	return bytes;
}
