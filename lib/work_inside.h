/*
 * Shared by the files of jobq-work: work.c decides, work_circle.c makes and
 * ends processes, work_health.c keeps the one that tells health, work_args.c
 * knows their command lines.
 */
#ifndef JOBQ_WORK_INSIDE_H
#define JOBQ_WORK_INSIDE_H

#include "backoff.h"
#include "child.h"
#include "health.h"
#include "loop.h"
#include "notify.h"
#include "work.h"
#include "work_args.h"
#include "work_events.h"

#define JOBQ_DEATHS 5 /* so many within a minute are the end */

/* JOBQ_FETCH is one that has ended well where it is not wanted. */
enum { JOBQ_CLAIM, JOBQ_FETCH, JOBQ_RUN, JOBQ_STAGES };

struct jobq_stage {
	const char *name;
	char *path;
	struct jobq_words env;
	struct jobq_child child; /* pid 0: it does not run */
	bool ended;
	int wait_status;
};

struct jobq_work {
	const struct jobq_work_options *options;
	struct jobq_err *err;
	enum jobq_status status; /* of the end */
	struct jobq_spawner *spawner;
	struct jobq_loop *loop;
	struct jobq_stage stage[JOBQ_STAGES];
	struct jobq_copier *copier; /* or NULL */
	struct jobq_health *health; /* or NULL */
	struct jobq_notify notify;
	struct jobq_stage teller; /* jobq-serve, which tells the health */
	int64_t teller_ms;	  /* when it was started last */

	/* Children from before the start are not ours to end. */
	pid_t *inherited;
	size_t inherited_count;
	struct jobq_processes children, all;
	bool sweeping; /* what a dead runner left is being killed */
	int64_t sweep_until_ms;

	struct jobq_timer step;	    /* a wait of the circle: see work.c */
	struct jobq_timer sweep;    /* the next look at what is left */
	struct jobq_timer ask;	    /* the runner is told to stop */
	struct jobq_timer bound;    /* --shutdown, then the steps of force */
	struct jobq_timer watchdog; /* a sign of life is due */
	struct jobq_timer revive;   /* the teller is started anew */

	bool runs;    /* a circle is there, whole or not */
	bool partial; /* it ends when a lease is over, not when all is done */
	bool stopping;
	int forced; /* steps of an end at once that were taken */
	bool any_failed;
	bool reader_gone;      /* of --events */
	bool done;	       /* only what is printed is still to go out */
	bool leave;	       /* not even that */
	int circles;	       /* built so far */
	int64_t begun_ms;      /* of this circle */
	int64_t since_ms;      /* of all */
	int64_t empty_from_ms; /* --until-empty holds from then on */
	int64_t death_ms[JOBQ_DEATHS];
	int deaths;
	struct jobq_backoff backoff;
};

/* work.c: sees who is gone, and does what follows from that. */
void jobq_work_look(struct jobq_work *work);

/* Tells the teller of health and the supervisor how it stands. */
void jobq_work_publish(struct jobq_work *work);

/* Adds how a stage or the teller has ended: "jobq-run exited 1". */
void jobq_work_put_end(struct jobq_buf *out, const struct jobq_stage *stage);

/* The end after a stop; clean: no job was left to its lease. */
void jobq_work_stopped(struct jobq_work *work, bool clean);

/* work_stop.c: timers, signals, and stdout that cannot be written. */
void jobq_work_stop_timers(struct jobq_work *work);
void jobq_work_signals(struct jobq_work *work);
void jobq_work_reader_gone(void *work, int error);

/*
 * work_health.c: finds the command that tells the health and opens what it
 * gets; starts it, takes in its end and starts it anew, ends it. Only open
 * may be called where no health is wanted: it does nothing then, as look and
 * close do.
 */
enum jobq_status jobq_work_health_open(
    struct jobq_work *work, struct jobq_err *err);
void jobq_work_health_start(void *work);
void jobq_work_health_look(struct jobq_work *work);
void jobq_work_health_close(struct jobq_work *work);

/* work_circle.c: paths and environments of the stages. */
enum jobq_status jobq_circle_open(struct jobq_work *work, struct jobq_err *err);
void jobq_circle_close(struct jobq_work *work);

/*
 * Runs the runner and jobq-fetch once on no jobs, so that they refuse what
 * they will refuse before any job is taken: JOBQ_CONFIG, and it has been said
 * why.
 */
enum jobq_status jobq_circle_rehearse(
    struct jobq_work *work, struct jobq_err *err);

/* Starts the stages with new pipes. */
enum jobq_status jobq_circle_start(struct jobq_work *work,
    const struct jobq_work_end *end, struct jobq_err *err);

/* Signals a stage that runs. */
void jobq_circle_signal(struct jobq_work *work, int stage, int signal_number);

/* Takes in who has exited, adopted processes included. */
void jobq_circle_reap(struct jobq_work *work);

/*
 * Kills what a dead runner left; whether to look again. again: it is not the
 * first look, so what cannot be told apart by now is somebody else's.
 */
bool jobq_circle_sweep(struct jobq_work *work, bool again);

/* The exit code of a stage that ended; -1 when it died of a signal. */
int jobq_stage_code(const struct jobq_stage *stage);

#endif
