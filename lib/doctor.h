/*
 * What can be wrong with a store and with what surrounds it. Each function
 * looks at one thing and tells its findings, one at a time; a finding is a
 * word for what was looked at, whether it is as it should be, and a line for
 * people that says what was found and, when it is wrong, what to do. Secrets
 * are never told.
 */
#ifndef JOBQ_DOCTOR_H
#define JOBQ_DOCTOR_H

#include "status.h"
#include "store.h"

#include <stdbool.h>

struct jobq_doctor {
	void (*tell)(
	    void *context, const char *check, bool ok, const char *text);
	void *context;
};

/*
 * The URL that will be used, the caller's to free, and where it was found;
 * given is --store's.
 */
enum jobq_status jobq_doctor_url(const struct jobq_doctor *doctor,
    const char *given, char **url, struct jobq_err *err);

/* The variables JOBQ_*, those that are no settings too. */
void jobq_doctor_settings(const struct jobq_doctor *doctor);

/* That the commands on PATH are those of this build. */
void jobq_doctor_commands(const struct jobq_doctor *doctor);

/* Modes, and space, of a store that is a file or folder of this machine. */
void jobq_doctor_files(const struct jobq_doctor *doctor, const char *url);

/* The driver of a URL and the adapter of the open store. */
void jobq_doctor_driver(const struct jobq_doctor *doctor, const char *url,
    const struct jobq_adapter *adapter);

/* What the store says of itself, by the verb check. */
enum jobq_status jobq_doctor_store(const struct jobq_doctor *doctor,
    struct jobq_store *store, struct jobq_err *err);

/*
 * The plan of the verb claim: no statement may read a table that grows with
 * the jobs from end to end. Nothing is told of a store that has no plans.
 */
enum jobq_status jobq_doctor_plan(const struct jobq_doctor *doctor,
    struct jobq_store *store, struct jobq_err *err);

/*
 * Does a job's whole way through the store at url, which is opened for
 * writing, and takes it back. A store that cannot be written is a finding;
 * one that is busy is JOBQ_AGAIN, too.
 */
enum jobq_status jobq_doctor_rehearsal(const struct jobq_doctor *doctor,
    const char *url, const struct jobq_adapter *adapter, struct jobq_err *err);

#endif
