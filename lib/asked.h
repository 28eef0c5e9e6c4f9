/*
 * What a store is asked for, read by drivers that answer by themselves and
 * have no texts to hand it to: members of a request, and its events. The verbs
 * and their members are told in jobq-adapter(7).
 */
#ifndef JOBQ_ASKED_H
#define JOBQ_ASKED_H

#include "buf.h"
#include "event.h"
#include "json.h"
#include "status.h"

#include <stdbool.h>
#include <stdint.h>

/* A member, or NULL when it is absent or null. */
const struct jobq_span *jobq_asked_get(
    const struct jobq_object *object, const char *name);

/* Replaces out by a member's string, decoded; "" when there is none. */
enum jobq_status jobq_asked_text(const struct jobq_object *object,
    const char *name, struct jobq_buf *out, struct jobq_err *err);

/* A member that is a whole number; otherwise when it is none. */
int64_t jobq_asked_number(
    const struct jobq_object *object, const char *name, int64_t otherwise);

/* An event that is to be settled. Begins as zeros, and is reused. */
struct jobq_asked_event {
	struct jobq_object members; /* of the entry */
	/* Decoded; "" when absent. line is the kept event. */
	struct jobq_buf name, id, worker, reason, line;
	enum jobq_event_kind kind;
	int64_t epoch;		/* 0: none */
	int64_t n;		/* 0: none */
	int64_t retry_after_ms; /* -1: not said */
	bool final;		/* a failure that is not to be tried again */
};

/* Reads an entry of "events"; it points into the request's text. */
enum jobq_status jobq_asked_event_read(struct jobq_asked_event *event,
    struct jobq_span entry, struct jobq_err *err);
void jobq_asked_event_release(struct jobq_asked_event *event);

#endif
