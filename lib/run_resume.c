/*
 * The ids stand one behind the other in one text; a hash table (open
 * addressing, linear probing, never more than half full) says where each
 * begins. So an id costs its length and 16 to 32 bytes.
 */
#include "run_files.h"

#include "event.h"
#include "line.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

#define FIRST_SLOTS ((size_t)1 << 10)

struct jobq_resume {
	struct jobq_buf ids; /* each with a NUL */
	size_t *slot;	     /* where an id begins, plus 1; 0: empty */
	size_t slots, used;
};

/* FNV-1a, its halves folded together (Fowler, Noll, Vo). */
static size_t
hash(const char *id)
{
	uint64_t value = 0xcbf29ce484222325;

	for (; *id != '\0'; id++)
		value = (value ^ (unsigned char)*id) * 0x100000001b3;
	return (size_t)(value ^ value >> 32);
}

static size_t *
find(const struct jobq_resume *resume, const char *id)
{
	size_t at = hash(id) & (resume->slots - 1);

	while (resume->slot[at] != 0 &&
	       strcmp(resume->ids.data + resume->slot[at] - 1, id) != 0)
		at = (at + 1) & (resume->slots - 1);
	return &resume->slot[at];
}

static void
grow(struct jobq_resume *resume)
{
	size_t *old = resume->slot;
	size_t slots = resume->slots;

	resume->slots = slots == 0 ? FIRST_SLOTS : 2 * slots;
	resume->slot = jobq_xcalloc(resume->slots, sizeof *resume->slot);
	for (size_t i = 0; i < slots; i++)
		if (old[i] != 0)
			*find(resume, resume->ids.data + old[i] - 1) = old[i];
	free(old);
}

static void
add(struct jobq_resume *resume, const char *id)
{
	size_t *slot;

	if (2 * resume->used >= resume->slots)
		grow(resume);
	slot = find(resume, id);
	if (*slot != 0)
		return;
	*slot = resume->ids.len + 1;
	resume->used++;
	jobq_buf_add(&resume->ids, id, strlen(id) + 1);
}

static void
take_line(
    struct jobq_resume *resume, struct jobq_event *event, struct jobq_span line)
{
	struct jobq_err err;

	if (jobq_object_scan(&event->members, line.at, line.len, &err) ==
		JOBQ_OK &&
	    jobq_line_is_event(&event->members) &&
	    jobq_event_read(event, line.at, line.len, &err) == JOBQ_OK &&
	    event->kind == JOBQ_EVENT_COMPLETED && event->id != NULL)
		add(resume, event->id);
}

static enum jobq_status
read_all(struct jobq_resume *resume, int fd, size_t max_line_bytes,
    struct jobq_err *err)
{
	struct jobq_reader reader;
	struct jobq_event event = { 0 };
	struct jobq_span line;
	enum jobq_status status;

	jobq_reader_init(&reader, fd, max_line_bytes);
	do {
		status = jobq_reader_get(&reader, &line, err);
		if (status == JOBQ_OK)
			take_line(resume, &event, line);
	} while (status == JOBQ_OK || status == JOBQ_INVALID);
	jobq_reader_release(&reader);
	jobq_event_release(&event);
	return status == JOBQ_EMPTY ? JOBQ_OK : status;
}

enum jobq_status
jobq_resume_open(struct jobq_resume **out, const char *path,
    size_t max_line_bytes, struct jobq_err *err)
{
	struct jobq_resume *resume = jobq_xcalloc(1, sizeof *resume);
	enum jobq_status status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*out = resume;
	if (fd < 0 && errno == ENOENT)
		return JOBQ_OK;
	if (fd < 0)
		return jobq_fail(err, JOBQ_CONFIG, "unable to open '%s': %s",
		    path, strerror(errno));
	status = read_all(resume, fd, max_line_bytes, err);
	if (status != JOBQ_OK)
		jobq_err_prefix(err, "unable to resume from '%s'", path);
	close(fd);
	return status;
}

void
jobq_resume_close(struct jobq_resume *resume)
{
	if (resume == NULL)
		return;
	jobq_buf_release(&resume->ids);
	free(resume->slot);
	free(resume);
}

bool
jobq_resume_has(const struct jobq_resume *resume, const char *id)
{
	return resume != NULL && resume->slots > 0 && *find(resume, id) != 0;
}
