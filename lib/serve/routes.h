/*
 * The handlers of the routes, each in the file that its part is named after.
 */
#ifndef JOBQ_SERVE_ROUTES_H
#define JOBQ_SERVE_ROUTES_H

#include "request.h"

typedef void jobq_route_fn(struct jobq_request *request);

/* health.c */
jobq_route_fn jobq_route_health, jobq_route_live, jobq_route_info;

/* v1.c; a verb that only reads is served with --read-only, too. */
jobq_route_fn jobq_route_verb;
bool jobq_verb_reads(const char *name);

/* tool.c */
jobq_route_fn jobq_route_execute;

/* bell.c */
jobq_route_fn jobq_route_bell;

/* task.c */
jobq_route_fn jobq_route_task_push, jobq_route_task, jobq_route_task_stop;

/* watch_open.c */
jobq_route_fn jobq_route_task_events, jobq_route_task_watch;

/* www_route.c */
jobq_route_fn jobq_route_www;
/* metrics.c */
jobq_route_fn jobq_route_metrics;

/* files.c */
jobq_route_fn jobq_route_file, jobq_route_docs, jobq_route_openapi;

/* jobs.c, jobs_turn.c */
jobq_route_fn jobq_route_jobs_list, jobq_route_jobs_create, jobq_route_jobs_one;
jobq_route_fn jobq_route_jobs_started, jobq_route_jobs_completed,
    jobq_route_jobs_failed;

#endif
