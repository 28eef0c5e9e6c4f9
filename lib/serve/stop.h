/*
 * Tasks that a watcher wants stopped. The store is asked until it has
 * answered, also when the watcher has gone meanwhile; a task that is wanted
 * stopped already is not asked for twice.
 */
#ifndef JOBQ_SERVE_STOP_H
#define JOBQ_SERVE_STOP_H

struct jobq_server;
struct jobq_stops;

struct jobq_stops *jobq_stops_new(struct jobq_server *server);
void jobq_stops_free(struct jobq_stops *stops);

void jobq_stops_add(struct jobq_stops *stops, const char *id);

/* To be called every second: asks again what was not answered. */
void jobq_stops_tick(struct jobq_stops *stops);

#endif
