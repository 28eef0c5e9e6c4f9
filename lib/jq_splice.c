#include "jq_splice.h"

#include "id.h"
#include "jq_program.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

struct jobq_splice {
	struct jobq_jq *program;
	struct jobq_buf mark; /* with its first quote, less its letter */
	struct jobq_buf text;
};

enum jobq_status
jobq_splice_open(
    struct jobq_splice **out, const char *path, struct jobq_err *err)
{
	struct jobq_splice *splice = jobq_xcalloc(1, sizeof(*splice));
	enum jobq_status status = jobq_jq_open(&splice->program, path, err);
	char id[JOBQ_UUID_SIZE];

	if (status != JOBQ_OK) {
		free(splice);
		return status;
	}
	jobq_uuid7(id);
	jobq_buf_printf(&splice->mark, "\"%s:", id);
	*out = splice;
	return JOBQ_OK;
}

void
jobq_splice_close(struct jobq_splice *splice)
{
	if (splice == NULL)
		return;
	jobq_jq_close(splice->program);
	jobq_buf_release(&splice->mark);
	jobq_buf_release(&splice->text);
	free(splice);
}

void
jobq_splice_mark(
    const struct jobq_splice *splice, size_t i, struct jobq_buf *out)
{
	if (i >= JOBQ_SPLICE_MOST)
		JOBQ_BUG("more values than there are marks");
	jobq_buf_add(out, splice->mark.data, splice->mark.len);
	jobq_buf_putc(out, (char)('a' + i));
	jobq_buf_putc(out, '"');
}

/*
 * The next mark that is whole: the program may have cut it, and then it is a
 * string like any other.
 */
static const char *
find(const char *at, const char *end, const struct jobq_buf *mark)
{
	const char *found;

	for (;; at = found + 1) {
		found = at == NULL ? NULL
				   : memmem(at, (size_t)(end - at), mark->data,
					 mark->len);
		if (found == NULL)
			return NULL;
		if ((size_t)(end - found) >= mark->len + 2 &&
		    found[mark->len + 1] == '"')
			return found;
	}
}

enum jobq_status
jobq_splice_run(struct jobq_splice *splice, const struct jobq_buf *in,
    const struct jobq_span *values, size_t count, struct jobq_buf *out,
    struct jobq_err *err)
{
	const struct jobq_buf *mark = &splice->mark, *text = &splice->text;
	struct jobq_buf bare = JOBQ_BUF_INIT;
	enum jobq_status status =
	    jobq_jq_run(splice->program, in->data, in->len, &splice->text, err);
	struct jobq_span whole;
	const char *at, *end, *found;
	size_t i;

	if (status != JOBQ_OK)
		return status;
	jobq_buf_clear(out);
	at = text->data;
	end = at + text->len;
	for (found = find(at, end, mark); found != NULL;
	     found = find(at, end, mark)) {
		i = (size_t)(found[mark->len] - 'a');
		jobq_buf_add(out, at, (size_t)(found - at));
		jobq_buf_add(&bare, at, (size_t)(found - at));
		jobq_buf_puts(&bare, "null");
		at = found + mark->len + 2;
		if (i < count)
			jobq_buf_add(out, values[i].at, values[i].len);
		else
			jobq_buf_puts(out, "null");
	}
	jobq_buf_add(out, at, (size_t)(end - at));
	jobq_buf_add(&bare, at, (size_t)(end - at));
	/*
	 * A mark that was made the name of a member makes no JSON. The values
	 * were checked where they come from, and may be as deep as any.
	 */
	status = jobq_json_check(bare.data, bare.len, &whole, err);
	jobq_buf_release(&bare);
	if (status != JOBQ_OK)
		jobq_err_prefix(err, "a value stands where none can stand");
	return status;
}
