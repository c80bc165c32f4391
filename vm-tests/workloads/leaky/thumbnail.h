/* SPDX-License-Identifier: Apache-2.0 */
/* A small image library, such as a service would link: scales a picture and caches the result. */
#include <stddef.h>
#include <stdint.h>

/* Renders picture `number` at `width` × `width` pixels; returns a checksum of the result. */
uint32_t render_thumbnail(uint32_t number, size_t width);

/* Bytes that the library has lost, by its own count: what a tracer's finding is held against. */
uint64_t thumbnail_lost_bytes(void);
