/*
 * A line of the log in the user's own words: a text with the placeholders of
 * a command (run_args.h), and {event} for what became of the job.
 */
#ifndef JOBQ_RUN_LOG_TEXT_H
#define JOBQ_RUN_LOG_TEXT_H

#include "buf.h"
#include "job.h"

#include <stdbool.h>

struct jobq_log_text;

struct jobq_log_text *jobq_log_text_new(const char *text);
void jobq_log_text_free(struct jobq_log_text *text);

/*
 * Adds the text for a job, whose id is its own or the one it was given. False,
 * and nothing added, when the job has no value for a placeholder.
 */
bool jobq_log_text_fill(struct jobq_log_text *text, const struct jobq_job *job,
    const char *id, const char *event, struct jobq_buf *out);

#endif
