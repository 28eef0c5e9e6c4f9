#include "text_lines.h"

#include "line.h"

#include <string.h>

#include "banned.h"

bool
jobq_lines_next(struct jobq_lines *lines, struct jobq_span *line)
{
	const char *end =
	    lines->left == 0 ? NULL : memchr(lines->at, '\n', lines->left);

	if (end == NULL)
		return false;
	*line = (struct jobq_span){ lines->at, (size_t)(end - lines->at) };
	lines->left -= line->len + 1;
	lines->at = end + 1;
	return true;
}

static enum jobq_status
check(struct jobq_lines lines, const char *whose, struct jobq_err *err)
{
	struct jobq_object object = { 0 };
	struct jobq_span line;
	enum jobq_status status = JOBQ_OK;
	unsigned long number = 0;

	while (status == JOBQ_OK && lines.left > 0) {
		number++;
		if (!jobq_lines_next(&lines, &line))
			status = jobq_fail(err, JOBQ_IO, "has no end");
		else if (line.len > JOBQ_STAGE_MAX)
			status =
			    jobq_fail(err, JOBQ_IO, "is longer than 2 MiB");
		else if (jobq_object_scan(&object, line.at, line.len, err) !=
			 JOBQ_OK)
			status = JOBQ_IO;
	}
	if (status != JOBQ_OK)
		jobq_err_prefix(
		    err, "%s: line %lu of its answer", whose, number);
	jobq_object_release(&object);
	return status;
}

enum jobq_status
jobq_lines_hand_out(struct jobq_lines lines, const char *whose,
    jobq_line_fn *line, void *context, struct jobq_err *err)
{
	enum jobq_status status = check(lines, whose, err);
	struct jobq_span one;

	while (
	    status == JOBQ_OK && line != NULL && jobq_lines_next(&lines, &one))
		status = line(context, one.at, one.len, err);
	return status;
}
