/*
 * The text of a commit is a word that tells its form and then runs of offsets,
 * relative to the committed one, in growing order:
 *
 *   jobq:1 0:2.1 1-4:f 5-90:1.1
 *
 * The first was claimed twice and is held, or its worker died; four are
 * finished; 86 were claimed once and have no end. What is not named was never
 * claimed.
 */
#include "offsets.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

static const char form[] = "jobq:1";

/* --- lists --------------------------------------------------------------- */

static struct jobq_offset *
list_add(struct jobq_offset_list *list, struct jobq_offset entry)
{
	if (list->first > 64 && list->first > list->count) {
		memmove(list->entry, list->entry + list->first,
		    list->count * sizeof *list->entry);
		list->first = 0;
	}
	list->entry = jobq_grow(list->entry, list->first + list->count,
	    &list->cap, sizeof *list->entry);
	list->entry[list->first + list->count] = entry;
	return &list->entry[list->first + list->count++];
}

static void
list_drop_first(struct jobq_offset_list *list)
{
	list->first++;
	list->count--;
	if (list->count == 0)
		list->first = 0;
}

static struct jobq_offset *
list_find(struct jobq_offset_list *list, int64_t offset)
{
	size_t low = list->first, high = list->first + list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->entry[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list->first + list->count &&
		       list->entry[low].offset == offset
		   ? &list->entry[low]
		   : NULL;
}

/* --- what happens -------------------------------------------------------- */

void
jobq_offsets_init(struct jobq_offsets *offsets, int64_t committed)
{
	*offsets = (struct jobq_offsets){ .next = committed };
}

void
jobq_offsets_release(struct jobq_offsets *offsets)
{
	free(offsets->taken.entry);
	free(offsets->told.entry);
	*offsets = (struct jobq_offsets){ .next = 0 };
}

bool
jobq_offsets_take(struct jobq_offsets *offsets, int64_t offset)
{
	struct jobq_offset entry = { .offset = offset };

	if (offset < offsets->next)
		return false;
	offsets->next = offset + 1;
	while (offsets->told.count > 0 &&
	       offsets->told.entry[offsets->told.first].offset <= offset) {
		entry = offsets->told.entry[offsets->told.first];
		list_drop_first(&offsets->told);
	}
	if (entry.offset != offset)
		entry = (struct jobq_offset){ .offset = offset };
	/* What is finished at the front is simply behind the commit. */
	if (!entry.finished || offsets->taken.count > 0)
		list_add(&offsets->taken, entry);
	return !entry.finished;
}

bool
jobq_offsets_ahead(struct jobq_offsets *offsets, int64_t offset)
{
	if (offset < offsets->next || offsets->told.count > 0)
		return false;
	list_add(
	    &offsets->told, (struct jobq_offset){
				.offset = offset, .claims = 1, .ahead = true });
	return true;
}

void
jobq_offsets_committed(struct jobq_offsets *offsets)
{
	struct jobq_offset_list *told = &offsets->told;

	for (size_t i = 0; i < told->count; i++)
		told->entry[told->first + i].sure = true;
}

struct jobq_offset *
jobq_offsets_find(struct jobq_offsets *offsets, int64_t offset)
{
	return list_find(&offsets->taken, offset);
}

void
jobq_offsets_finish(struct jobq_offsets *offsets, int64_t offset)
{
	struct jobq_offset_list *taken = &offsets->taken;
	struct jobq_offset *entry = list_find(taken, offset);

	if (entry == NULL)
		return;
	entry->finished = true;
	while (taken->count > 0 && taken->entry[taken->first].finished)
		list_drop_first(taken);
}

int64_t
jobq_offsets_commit(const struct jobq_offsets *offsets)
{
	const struct jobq_offset_list *taken = &offsets->taken;

	return taken->count > 0 ? taken->entry[taken->first].offset
				: offsets->next;
}

int64_t
jobq_offsets_window(const struct jobq_offsets *offsets)
{
	return offsets->next - jobq_offsets_commit(offsets);
}

/* --- the text ------------------------------------------------------------ */

/* A run of offsets of which the same is to be said. */
struct run {
	int64_t from, to;
	struct jobq_offset what;
};

static bool
is_like(const struct jobq_offset *a, const struct jobq_offset *b)
{
	return a->finished == b->finished &&
	       (a->finished || (a->claims == b->claims && a->open == b->open));
}

static void
put_run(struct jobq_buf *out, const struct run *run)
{
	jobq_buf_putc(out, ' ');
	jobq_buf_int(out, run->from);
	if (run->to > run->from) {
		jobq_buf_putc(out, '-');
		jobq_buf_int(out, run->to);
	}
	jobq_buf_putc(out, ':');
	if (run->what.finished) {
		jobq_buf_putc(out, 'f');
		return;
	}
	jobq_buf_int(out, run->what.claims);
	if (run->what.open > 0) {
		jobq_buf_putc(out, '.');
		jobq_buf_int(out, run->what.open);
	}
}

/* What is said of those that are finished. */
enum said {
	AS_FINISHED,
	AS_NOTHING,
	AS_CLAIMED,
};

/* Adds the offsets of a list to the run, which is written where it ends. */
static void
put_list(struct jobq_buf *out, const struct jobq_offset_list *list,
    int64_t base, enum said said, struct run *run)
{
	for (size_t i = 0; i < list->count; i++) {
		struct jobq_offset at = list->entry[list->first + i];
		int64_t offset = at.offset - base;

		at.finished = at.finished && said != AS_CLAIMED;
		if (at.finished ? said == AS_NOTHING : at.claims == 0)
			continue;
		if (run->to >= run->from && offset == run->to + 1 &&
		    is_like(&run->what, &at)) {
			run->to = offset;
			continue;
		}
		if (run->to >= run->from)
			put_run(out, run);
		*run = (struct run){ offset, offset, at };
	}
}

static void
put_all(
    const struct jobq_offsets *offsets, enum said said, struct jobq_buf *out)
{
	struct run run = { .from = 0, .to = -1 };
	int64_t base = jobq_offsets_commit(offsets);

	jobq_buf_clear(out);
	jobq_buf_puts(out, form);
	put_list(out, &offsets->taken, base, said, &run);
	put_list(out, &offsets->told, base, said, &run);
	if (run.to >= run.from)
		put_run(out, &run);
}

static void
widen(struct run *run, const struct jobq_offset_list *list, int64_t base)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct jobq_offset *at = &list->entry[list->first + i];

		run->to = at->offset - base;
		if (at->claims > run->what.claims)
			run->what.claims = at->claims;
		if (at->open < run->what.open)
			run->what.open = at->open;
	}
}

/* One run of all. */
static void
put_one(const struct jobq_offsets *offsets, struct jobq_buf *out)
{
	int64_t base = jobq_offsets_commit(offsets);
	struct run run = { .from = 0, .to = -1, .what = { .open = INT64_MAX } };

	widen(&run, &offsets->taken, base);
	widen(&run, &offsets->told, base);
	jobq_buf_clear(out);
	jobq_buf_puts(out, form);
	put_run(out, &run);
}

void
jobq_offsets_write(
    const struct jobq_offsets *offsets, size_t most, struct jobq_buf *out)
{
	for (enum said said = AS_FINISHED; said <= AS_CLAIMED; said++) {
		put_all(offsets, said, out);
		if (out->len <= most)
			return;
	}
	put_one(offsets, out);
}

/* A whole number of at most 18 digits; *text goes on behind it. */
static bool
read_number(const char **text, const char *end, int64_t *number)
{
	const char *begin = *text;

	*number = 0;
	while (
	    *text < end && **text >= '0' && **text <= '9' && *text - begin < 18)
		*number = *number * 10 + (*(*text)++ - '0');
	return *text > begin;
}

static bool
read_what(const char **text, const char *end, struct jobq_offset *what)
{
	if (*text < end && **text == 'f') {
		++*text;
		what->finished = true;
		return true;
	}
	if (!read_number(text, end, &what->claims))
		return false;
	if (*text < end && **text == '.') {
		++*text;
		return read_number(text, end, &what->open);
	}
	return true;
}

/* " FROM[-TO]:f" or " FROM[-TO]:CLAIMS[.OPEN]" */
static bool
read_run(const char **text, const char *end, struct run *run)
{
	if (**text != ' ')
		return false;
	++*text;
	if (!read_number(text, end, &run->from))
		return false;
	run->to = run->from;
	if (*text < end && **text == '-') {
		++*text;
		if (!read_number(text, end, &run->to))
			return false;
	}
	if (*text == end || **text != ':')
		return false;
	++*text;
	return read_what(text, end, &run->what);
}

/* So many offsets a text may name: no window is longer. */
#define MOST_OFFSETS ((int64_t)1 << 20)

enum jobq_status
jobq_offsets_read(struct jobq_offsets *offsets, const char *text, size_t len,
    struct jobq_err *err)
{
	const char *at = text, *end = text + len;
	int64_t base = offsets->next, next = 0;
	bool good =
	    len >= sizeof form - 1 && memcmp(text, form, sizeof form - 1) == 0;

	at += good ? sizeof form - 1 : 0;
	while (good && at < end) {
		struct run run = { .from = 0 };

		good = read_run(&at, end, &run) && run.from >= next &&
		       run.to >= run.from && run.to < MOST_OFFSETS;
		for (int64_t i = run.from; good && i <= run.to; i++) {
			run.what.offset = base + i;
			list_add(&offsets->told, run.what);
		}
		next = run.to + 1;
	}
	if (good)
		return JOBQ_OK;
	offsets->told.count = offsets->told.first = 0;
	return jobq_fail(err, JOBQ_INVALID,
	    "the text of the commit is none of jobq's: '%.*s'",
	    (int)(len > 64 ? 64 : len), text);
}
