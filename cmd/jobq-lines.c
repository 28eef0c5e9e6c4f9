/* jobq-lines: lines of text become job lines. */
#include "buf.h"
#include "command.h"
#include "json.h"
#include "line.h"

#include <string.h>
#include <unistd.h>

#include "banned.h"

#define FLUSH_BYTES ((size_t)256 << 10)

/* The line itself and the string in it; each name of --as is one more. */
#define NAMES_MAX (JOBQ_JSON_DEPTH - 1)

static bool nul_ended;
static const char *as = "input";

static const struct jobq_opt options[] = {
	{ .name = "null",
	    .letter = '0',
	    .type = JOBQ_OPT_FLAG,
	    .to = &nul_ended,
	    .help = "lines end in NUL, as find -print0 writes them" },
	{ .name = "as",
	    .type = JOBQ_OPT_STRING,
	    .to = &as,
	    .arg = "PATH",
	    .help =
		"where the line goes: input (the default), input.file, ..." },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = { "[-0] [--as PATH]", NULL };

static const char *const examples[] = {
	"find . -name '*.png' -print0 | jobq-lines -0 | "
	"jobq-run -j 8 -- optipng {}",
	"jobq-lines --as input.url <urls.txt | jobq-push",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-lines",
	.summary = "turn lines of text into job lines",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.needs_stdin = true,
};

/* What stands before and after each line: {"input":{"file": and }}. */
struct frame {
	struct jobq_buf before;
	struct jobq_buf after;
};

static bool
is_input(const char *name, size_t len)
{
	return len == strlen("input") && strncmp(name, "input", len) == 0;
}

/* Makes the frame of a path: names divided by '.', the first is input. */
static enum jobq_status
make_frame(const char *path, struct frame *frame, struct jobq_err *err)
{
	size_t names = 0;

	if (jobq_utf8_valid(path, strlen(path)) < strlen(path))
		return jobq_fail(err, JOBQ_CONFIG, "--as: not UTF-8");
	for (const char *at = path;; at++) {
		size_t len = strcspn(at, ".");

		if (len == 0 || (names == 0 && !is_input(at, len)))
			return jobq_fail(err, JOBQ_CONFIG,
			    "--as: '%s' is no path such as input or "
			    "input.file: names divided by '.', the first of "
			    "them input",
			    path);
		if (++names > NAMES_MAX)
			return jobq_fail(err, JOBQ_CONFIG,
			    "--as: more than %d names", NAMES_MAX);
		jobq_buf_putc(&frame->before, '{');
		jobq_json_put_string(&frame->before, at, len);
		jobq_buf_putc(&frame->before, ':');
		jobq_buf_putc(&frame->after, '}');
		at += len;
		if (*at == '\0')
			return JOBQ_OK;
	}
}

/* Makes the job line of one line of text in out, or says why it is none. */
static enum jobq_status
convert(struct jobq_span line, const struct frame *frame, struct jobq_buf *out,
    struct jobq_err *err)
{
	size_t valid = jobq_utf8_valid(line.at, line.len);
	const char *nul = memchr(line.at, '\0', line.len);

	if (valid < line.len)
		return jobq_fail(err, JOBQ_INVALID,
		    "not UTF-8 at byte %zu of the line", valid + 1);
	if (nul != NULL)
		return jobq_fail(err, JOBQ_INVALID,
		    "a NUL at byte %zu of the line (-0 reads lines that end "
		    "in NUL)",
		    (size_t)(nul - line.at) + 1);
	jobq_buf_clear(out);
	jobq_buf_add(out, frame->before.data, frame->before.len);
	jobq_json_put_string(out, line.at, line.len);
	jobq_buf_add(out, frame->after.data, frame->after.len);
	if (out->len > JOBQ_LINE_MAX)
		return jobq_fail(err, JOBQ_INVALID,
		    "its job line is longer than %zu bytes", JOBQ_LINE_MAX);
	return JOBQ_OK;
}

/*
 * The next line; what was made of those before is written before anything is
 * waited for, so that no line stays behind while its successor is not there.
 */
static enum jobq_status
next_line(struct jobq_reader *reader, struct jobq_writer *writer,
    struct jobq_span *line, struct jobq_err *err)
{
	enum jobq_status status = jobq_reader_next(reader, line, err);

	if (status == JOBQ_EMPTY ||
	    jobq_writer_pending(writer) >= FLUSH_BYTES) {
		enum jobq_status flushed = jobq_writer_flush(writer, err);

		if (flushed != JOBQ_OK)
			return flushed;
	}
	return status == JOBQ_EMPTY ? jobq_reader_get(reader, line, err)
				    : status;
}

static enum jobq_status
work(struct jobq_reader *reader, struct jobq_writer *writer,
    const struct frame *frame, struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_span line = { NULL, 0 };

	for (;;) {
		enum jobq_status status = next_line(reader, writer, &line, err);

		if (status == JOBQ_EMPTY)
			return jobq_writer_flush(writer, err);
		if (status == JOBQ_OK && line.len == 0)
			continue;
		if (status == JOBQ_OK)
			status = convert(line, frame, out, err);
		if (status == JOBQ_OK)
			jobq_writer_line(writer, out->data, out->len);
		else if (status == JOBQ_INVALID)
			status = jobq_command_bad_line(
			    &command, "stdin", reader->number, err);
		if (status != JOBQ_OK) {
			jobq_writer_flush(writer, NULL);
			return status;
		}
	}
}

int
main(int argc, char **argv)
{
	struct jobq_reader reader;
	struct jobq_writer writer;
	struct frame frame = { JOBQ_BUF_INIT, JOBQ_BUF_INIT };
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_err err = { "" };
	enum jobq_status status;

	jobq_command_start(&command, argc, argv);
	jobq_reader_init(&reader, STDIN_FILENO,
	    jobq_command_max_line(&command, JOBQ_LINE_MAX));
	jobq_writer_init(&writer, STDOUT_FILENO);
	reader.any_text = true;
	if (nul_ended) {
		reader.delimiter = '\0';
		reader.keep_blank = true;
	}
	status = make_frame(as, &frame, &err);
	if (status == JOBQ_OK)
		status = work(&reader, &writer, &frame, &out, &err);
	jobq_reader_release(&reader);
	jobq_writer_release(&writer);
	jobq_buf_release(&frame.before);
	jobq_buf_release(&frame.after);
	jobq_buf_release(&out);
	return jobq_command_end(&command, status, &err);
}
