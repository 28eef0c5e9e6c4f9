/*
 * Two hash tables (open addressing, linear probing) of how often a line was
 * seen. When the newer one is full it becomes the older one, and what was in
 * that is forgotten; a line found only in the older one moves over with its
 * count. So memory is bounded (2 MiB each) and recent repeats are known.
 */
#include "run_ids.h"

#include "id.h"
#include "mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define FIRST_SLOTS ((size_t)1 << 8)
#define MOST_LINES ((size_t)1 << 16)

struct slot {
	uint64_t hash; /* 0: empty */
	uint64_t seen;
};

struct table {
	struct slot *slot;
	size_t slots; /* a power of two */
	size_t used;
};

struct jobq_ids {
	struct table newer, older;
};

struct jobq_ids *
jobq_ids_new(void)
{
	return jobq_xcalloc(1, sizeof(struct jobq_ids));
}

void
jobq_ids_free(struct jobq_ids *ids)
{
	if (ids == NULL)
		return;
	free(ids->newer.slot);
	free(ids->older.slot);
	free(ids);
}

/* The slot of a hash, or the empty one where it belongs. */
static struct slot *
find(const struct table *table, uint64_t hash)
{
	size_t at;

	if (table->slots == 0)
		return NULL;
	at = (size_t)hash & (table->slots - 1);
	while (table->slot[at].hash != 0 && table->slot[at].hash != hash)
		at = (at + 1) & (table->slots - 1);
	return &table->slot[at];
}

/* Makes room for one more; at most half of the slots are used. */
static void
grow(struct table *table)
{
	struct table larger = { NULL, 0, table->used };

	if (table->slots > 2 * table->used)
		return;
	larger.slots = table->slots > 0 ? 2 * table->slots : FIRST_SLOTS;
	larger.slot = jobq_xcalloc(larger.slots, sizeof(struct slot));
	for (size_t i = 0; i < table->slots; i++)
		if (table->slot[i].hash != 0)
			*find(&larger, table->slot[i].hash) = table->slot[i];
	free(table->slot);
	*table = larger;
}

/* Counts a line; returns how often it was seen, this time included. */
static uint64_t
count(struct jobq_ids *ids, uint64_t hash)
{
	struct slot *slot;
	const struct slot *old;

	if (ids->newer.used >= MOST_LINES) {
		free(ids->older.slot);
		ids->older = ids->newer;
		ids->newer = (struct table){ NULL, 0, 0 };
	}
	grow(&ids->newer);
	slot = find(&ids->newer, hash);
	if (slot->hash == 0) {
		old = find(&ids->older, hash);
		slot->hash = hash;
		slot->seen = old != NULL && old->hash == hash ? old->seen : 0;
		ids->newer.used++;
	}
	return ++slot->seen;
}

void
jobq_ids_make(struct jobq_ids *ids, const char *line, size_t len,
    char out[JOBQ_GIVEN_ID_SIZE])
{
	uint64_t hash;
	uint64_t seen;
	char text[17];

	jobq_line_hash(line, len, text);
	hash = strtoull(text, NULL, 16);
	seen = count(ids, hash != 0 ? hash : 1);
	if (seen == 1)
		memcpy(out, text, sizeof(text));
	else
		snprintf(out, JOBQ_GIVEN_ID_SIZE, "%s.%llu", text,
		    (unsigned long long)seen);
}
