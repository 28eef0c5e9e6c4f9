/*
 * How everything in jobq fails. A fallible function returns an enum
 * jobq_status and, when that is not JOBQ_OK, has filled its struct jobq_err
 * with one complete line for people: what failed, with which object, why.
 * On success the jobq_err is left untouched. The library never prints it;
 * the command does, through command.h.
 */
#ifndef JOBQ_STATUS_H
#define JOBQ_STATUS_H

enum jobq_status {
	JOBQ_OK = 0,
	JOBQ_EMPTY,	  /* a negative answer: nothing there, no more */
	JOBQ_STALE,	  /* the lease was lost */
	JOBQ_AGAIN,	  /* a retry may help */
	JOBQ_INVALID,	  /* a bad line or request */
	JOBQ_CONFIG,	  /* wrong usage or set-up; a retry cannot help */
	JOBQ_UNSUPPORTED, /* the store cannot do this */
	JOBQ_IO,	  /* a file, pipe or disk failed */
};

/* One line of text, without newline; longer texts are cut with "...". */
struct jobq_err {
	char text[1024];
};

/*
 * Formats into err (which may be NULL) and returns status, so that a failure
 * is one statement: return jobq_fail(err, JOBQ_IO, "unable to ...", ...).
 * errno is kept.
 */
enum jobq_status jobq_fail(struct jobq_err *err, enum jobq_status status,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts a formatted text and ": " before what err says already. */
void jobq_err_prefix(struct jobq_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The exit code of a command that ends with this status: OK 0; EMPTY and
 * STALE 1; INVALID, CONFIG and UNSUPPORTED 2; AGAIN and IO 75.
 */
int jobq_status_exit(enum jobq_status status);

/* The lower-case name ("again"), as in the URL fail:again; never NULL. */
const char *jobq_status_name(enum jobq_status status);

/* The status of that name, or -1. */
int jobq_status_by_name(const char *name);

#endif
