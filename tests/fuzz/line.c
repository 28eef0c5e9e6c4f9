/*
 * The reader must give the same answers however its input is torn: the first
 * byte chooses limit and delimiter, the second one seeds the sizes of the
 * parts, the rest is the input, read once whole and once in parts. The job
 * and event readers see every line.
 */
#include "event.h"
#include "job.h"
#include "line.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST_BYTES 60000 /* fits into a pipe */

static void
need(bool condition)
{
	if (!condition)
		abort();
}

/* What is left of a line without some members is still an object. */
static void
strip(const struct jobq_object *members)
{
	static const char *const drop[] = { "id", "lease", "event", NULL };
	struct jobq_object object = { NULL, 0, 0 };
	struct jobq_buf out = JOBQ_BUF_INIT;
	bool left = jobq_line_strip(members, drop, &out);

	jobq_buf_puts(&out, left ? ",\"x\":1}" : "\"x\":1}");
	need(jobq_object_scan(&object, out.data, out.len, NULL) == JOBQ_OK);
	need(left == (object.count > 1));
	need(jobq_object_get(&object, "id") == NULL);
	jobq_buf_release(&out);
	jobq_object_release(&object);
}

static void
read_line(struct jobq_span line)
{
	struct jobq_job job = { 0 };
	struct jobq_event event = { 0 };

	if (jobq_object_scan(&job.members, line.at, line.len, NULL) ==
	    JOBQ_OK) {
		strip(&job.members);
		jobq_job_read(&job, line.at, line.len, NULL);
		need(jobq_object_scan(
			 &event.members, line.at, line.len, NULL) == JOBQ_OK);
		if (jobq_event_read(&event, line.at, line.len, NULL) == JOBQ_OK)
			need(jobq_line_is_event(&event.members));
	}
	jobq_job_release(&job);
	jobq_event_release(&event);
}

static void
take_all(struct jobq_reader *reader, struct jobq_buf *out)
{
	struct jobq_span line;
	enum jobq_status status;

	while ((status = jobq_reader_next(reader, &line, NULL)) != JOBQ_EMPTY) {
		need(status == JOBQ_OK || status == JOBQ_INVALID);
		jobq_buf_printf(out, "%lu %d ", reader->number, (int)status);
		if (status == JOBQ_OK) {
			need(line.len <= reader->max_bytes);
			jobq_buf_add(out, line.at, line.len);
			read_line(line);
		}
		jobq_buf_putc(out, '\n');
	}
}

/* All answers; seed 0 reads the input in one part. */
static void
read_all(const uint8_t *data, size_t size, uint8_t kind, uint32_t seed,
    struct jobq_buf *out)
{
	struct jobq_reader reader;
	int pipes[2];

	need(pipe2(pipes, O_NONBLOCK) == 0);
	jobq_reader_init(&reader, pipes[0], 1 + 16 * (kind % 64));
	if (kind & 0x80)
		reader.delimiter = '\0';
	reader.keep_blank = reader.any_text = (kind & 0x40) != 0;
	while (size > 0) {
		size_t part = size;

		if (seed > 0) {
			seed = seed * 1664525 + 1013904223;
			part = 1 + (seed >> 16) % 20;
			part = part < size ? part : size;
		}
		need(write(pipes[1], data, part) == (ssize_t)part);
		need(jobq_reader_fill(&reader, NULL) == JOBQ_OK);
		take_all(&reader, out);
		data += part;
		size -= part;
	}
	close(pipes[1]);
	need(jobq_reader_fill(&reader, NULL) == JOBQ_OK && reader.eof);
	take_all(&reader, out);
	close(pipes[0]);
	jobq_reader_release(&reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jobq_buf whole = JOBQ_BUF_INIT;
	struct jobq_buf parts = JOBQ_BUF_INIT;

	if (size < 2 || size > MOST_BYTES)
		return 0;
	read_all(data + 2, size - 2, data[0], 0, &whole);
	read_all(data + 2, size - 2, data[0], 1u + data[1], &parts);
	need(
	    whole.len == parts.len &&
	    (whole.len == 0 || memcmp(whole.data, parts.data, whole.len) == 0));
	jobq_buf_release(&whole);
	jobq_buf_release(&parts);
	return 0;
}
