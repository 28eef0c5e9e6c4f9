#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/*
 * Reads and bad lines until a caller who does not wait gets a word in; more
 * than the longest line takes.
 */
#define ROUNDS 100

enum jobq_status
jobq_input_open(struct jobq_input *input, struct jobq_command *command,
    const char *file, size_t max_bytes, struct jobq_err *err)
{
	bool standard = file == NULL || strcmp(file, "-") == 0;
	int fd = STDIN_FILENO;

	if (!standard)
		fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return jobq_fail(err, JOBQ_CONFIG, "unable to open '%s': %s",
		    file, strerror(errno));
	*input = (struct jobq_input){
		.command = command,
		.name = standard ? "stdin" : file,
	};
	jobq_reader_init(
	    &input->reader, fd, jobq_command_max_line(command, max_bytes));
	return JOBQ_OK;
}

void
jobq_input_close(struct jobq_input *input)
{
	if (input->reader.fd > STDIN_FILENO)
		close(input->reader.fd);
	jobq_reader_release(&input->reader);
}

bool
jobq_input_ended(const struct jobq_input *input)
{
	return input->reader.eof &&
	       input->reader.start >= input->reader.buf.len;
}

enum jobq_status
jobq_input_bad(struct jobq_input *input, const struct jobq_err *err)
{
	return jobq_command_bad_line(
	    input->command, input->name, input->reader.number, err);
}

static bool
has_arrived(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) > 0;
}

enum jobq_status
jobq_input_next(struct jobq_input *input, bool wait,
    struct jobq_object *members, struct jobq_span *line, struct jobq_err *err)
{
	struct jobq_reader *reader = &input->reader;
	struct jobq_err bad;
	enum jobq_status status;

	for (int round = 0; wait || round < ROUNDS; round++) {
		status = jobq_reader_next(reader, line, &bad);
		if (status == JOBQ_OK)
			status = jobq_object_scan(
			    members, line->at, line->len, &bad);
		if (status == JOBQ_OK)
			return JOBQ_OK;
		if (status == JOBQ_INVALID) {
			status = jobq_input_bad(input, &bad);
			if (status == JOBQ_OK)
				continue;
			*err = bad;
			return status;
		}
		if (reader->eof || (!wait && !has_arrived(reader->fd)))
			return JOBQ_EMPTY;
		status = jobq_reader_fill(reader, err);
		if (status != JOBQ_OK && (status != JOBQ_EMPTY || !wait))
			return status;
	}
	return JOBQ_EMPTY;
}
