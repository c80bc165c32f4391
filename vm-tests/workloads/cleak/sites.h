/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen C functions that allocate, each called by a Go function of its own. */
#include <stddef.h>

#define FOR_EACH_SITE(X)                                                                           \
	X(thumb_decode, 0)                                                                         \
	X(font_cache_add, 1)                                                                       \
	X(dns_answer_copy, 2)                                                                      \
	X(zip_window_new, 3)                                                                       \
	X(row_buffer_grow, 4)                                                                      \
	X(regex_compile_node, 5)                                                                   \
	X(tls_ticket_store, 6)                                                                     \
	X(geo_tile_load, 7)                                                                        \
	X(audio_frame_alloc, 8)                                                                    \
	X(json_token_push, 9)                                                                      \
	X(icon_atlas_insert, 10)                                                                   \
	X(csv_field_dup, 11)                                                                       \
	X(trie_node_split, 12)                                                                     \
	X(mesh_vertex_copy, 13)                                                                    \
	X(log_line_format, 14)                                                                     \
	X(session_key_derive, 15)

#define DECLARE(name, id) void *name(size_t size, size_t touched);
FOR_EACH_SITE(DECLARE)
#undef DECLARE

/* The first byte of a site's function, by which a stack's innermost address is recognised. */
void *site_function(int id);
void site_free(void *memory);
