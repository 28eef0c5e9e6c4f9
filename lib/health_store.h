/*
 * Whether the store answers, for the process that tells health over HTTP.
 * How it is found out is told at the top of health_store.c.
 */
#ifndef JOBQ_HEALTH_STORE_H
#define JOBQ_HEALTH_STORE_H

#include "buf.h"
#include "status.h"

#include <sys/types.h>
#include <stdbool.h>
#include <stdint.h>

/* Zeroed, with the URL as of jobq_store_open(). */
struct jobq_health_store {
	const char *url;
	int fd;		  /* to be read when it is readable; -1: see again_ms */
	int64_t again_ms; /* then it is to be started again */
	pid_t pid;
	int64_t heard_ms;
	bool answers;
	struct jobq_err err;
	struct jobq_buf text; /* not a whole line yet */
};

/* Starts the child that asks; it dies with this process. */
void jobq_health_store_start(struct jobq_health_store *look);

/* Takes in what the child has found; to be called when fd is readable. */
void jobq_health_store_hear(struct jobq_health_store *look);

/* Whether the store answers; *why is set where it does not. */
bool jobq_health_store_answers(
    const struct jobq_health_store *look, struct jobq_err *why);

#endif
