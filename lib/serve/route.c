/*
 * Every route there is. share/www/openapi.json tells the same; a test
 * compares the two.
 */
#include "routes.h"

#include "id.h"

#include <string.h>

#include "banned.h"

#define MIB ((size_t)1 << 20)
#define STORE JOBQ_ROUTE_STORE
#define TOOL JOBQ_ROUTE_TOOL
#define HEALTH JOBQ_ROUTE_HEALTH
#define OPEN JOBQ_ROUTE_OPEN
#define WATCH JOBQ_ROUTE_WATCH

/* A batch is 4 MiB before its JSON is quoted. */
#define BATCH (16 * MIB)

static const struct jobq_route routes[] = {
	{ JOBQ_GET, "/health", STORE | TOOL | HEALTH | OPEN, 0,
	    jobq_route_health },
	{ JOBQ_GET, "/health/ready", STORE | TOOL | HEALTH | OPEN, 0,
	    jobq_route_health },
	{ JOBQ_GET, "/metrics", STORE | TOOL | HEALTH, 0, jobq_route_metrics },
	{ JOBQ_GET, "/health/live", STORE | TOOL | HEALTH | OPEN, 0,
	    jobq_route_live },
	{ JOBQ_GET, "/api/health", STORE | TOOL | HEALTH | OPEN, 0,
	    jobq_route_health },
	{ JOBQ_POST, "/execute", TOOL, MIB, jobq_route_execute },
	{ JOBQ_GET, "/v1/info", STORE, 0, jobq_route_info },
	{ JOBQ_GET, "/v1/bell", STORE, 0, jobq_route_bell },
	{ JOBQ_POST, "/tasks", STORE, MIB, jobq_route_task_push },
	{ JOBQ_GET, "/tasks/{id}", STORE, 0, jobq_route_task },
	{ JOBQ_DELETE, "/tasks/{id}", STORE, MIB, jobq_route_task_stop },
	{ JOBQ_GET, "/tasks/{id}/events", STORE, 0, jobq_route_task_events },
	{ JOBQ_GET, "/tasks/{id}/watch", STORE | WATCH, 0,
	    jobq_route_task_watch },
	{ JOBQ_GET, "/", STORE | OPEN, 0, jobq_route_www },
	{ JOBQ_GET, "/jobs", STORE | OPEN, 0, jobq_route_www },
	{ JOBQ_GET, "/www/{id}", STORE | OPEN, 0, jobq_route_file },
	{ JOBQ_GET, "/docs", STORE | TOOL | OPEN, 0, jobq_route_docs },
	{ JOBQ_GET, "/openapi.json", STORE | TOOL | OPEN, 0,
	    jobq_route_openapi },
	{ JOBQ_POST, "/v1/{id}", STORE, BATCH, jobq_route_verb },
	{ JOBQ_GET, "/api/jobs", STORE, 0, jobq_route_jobs_list },
	{ JOBQ_POST, "/api/jobs", STORE, MIB, jobq_route_jobs_create },
	{ JOBQ_GET, "/api/jobs/{id}", STORE, 0, jobq_route_jobs_one },
	{ JOBQ_POST, "/api/jobs/{id}/started", STORE, MIB,
	    jobq_route_jobs_started },
	{ JOBQ_POST, "/api/jobs/{id}/completed", STORE, MIB,
	    jobq_route_jobs_completed },
	{ JOBQ_POST, "/api/jobs/{id}/failed", STORE, MIB,
	    jobq_route_jobs_failed },
};

/* Whether a path is one of the route's; its {id} goes to id (cleared). */
static bool
matches(const char *pattern, const char *path, struct jobq_buf *id)
{
	size_t len;

	jobq_buf_clear(id);
	for (; *pattern != '\0'; pattern++) {
		if (*pattern == '{') {
			len = strcspn(path, "/");
			if (!jobq_id_valid(path, len))
				return false;
			jobq_buf_add(id, path, len);
			path += len;
			pattern = strchr(pattern, '}');
		} else if (*pattern != *path++) {
			return false;
		}
	}
	return *path == '\0';
}

const struct jobq_route *
jobq_route_find(unsigned where, enum jobq_method method, const char *path,
    struct jobq_buf *id, unsigned *methods)
{
	*methods = 0;
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		const struct jobq_route *route = &routes[i];

		if (!(route->where & where) || !matches(route->path, path, id))
			continue;
		*methods |= route->methods;
		if (route->methods & method)
			return route;
	}
	return NULL;
}
