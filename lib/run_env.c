#include "run_env.h"

#include "buf.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* A name that ends with '*' stands for all that begin so. */
static const char *const secret[] = { "JOBQ_URL", "NOTIFY_SOCKET", "WATCHDOG_*",
	"LISTEN_*", "CREDENTIALS_DIRECTORY", NULL };

/* Set for each job; what an outer jobq-run set would be another job's. */
static const char *const of_job[] = { "JOBQ_ID", "JOBQ_NAME", "JOBQ_QUEUE",
	"JOBQ_ATTEMPT", "JOBQ_EPOCH", "JOBQ_TMPDIR", NULL };

static const char *const allowed[] = { "PATH", "HOME", "LANG", "LC_*", "TZ",
	"TMPDIR", "JOBQ_*", "TRACEPARENT", NULL };

#define OF_JOB 7 /* those of_job, and TRACEPARENT */

struct jobq_env {
	char **base; /* entries belong to environ */
	size_t base_count;
	size_t
	    trace; /* where TRACEPARENT stands in base; base_count: nowhere */
	char **env;
	size_t cap; /* of env */
	struct jobq_buf text;
	size_t at[OF_JOB];
	size_t count;
};

static bool
is_one_of(const char *entry, const char *const *names)
{
	size_t len = strcspn(entry, "=");

	for (; *names != NULL; names++) {
		size_t name_len = strlen(*names);

		if ((*names)[name_len - 1] == '*') {
			if (strncmp(entry, *names, name_len - 1) == 0)
				return true;
		} else if (len == name_len &&
			   strncmp(entry, *names, name_len) == 0) {
			return true;
		}
	}
	return false;
}

/* JOBQ_*TOKEN* */
static bool
is_token(const char *entry)
{
	const char *found = strstr(entry, "TOKEN");

	return strncmp(entry, "JOBQ_", 5) == 0 && found != NULL &&
	       found < entry + strcspn(entry, "=");
}

bool
jobq_env_is_own(const char *entry)
{
	return is_one_of(entry, secret) || is_token(entry);
}

struct jobq_env *
jobq_env_new(bool clean)
{
	struct jobq_env *env = jobq_xcalloc(1, sizeof(*env));
	size_t count = 0;

	while (environ != NULL && environ[count] != NULL)
		count++;
	env->base = jobq_xcalloc(count + 1, sizeof(char *));
	env->trace = SIZE_MAX;
	for (size_t i = 0; i < count; i++) {
		if (jobq_env_is_own(environ[i]) ||
		    is_one_of(environ[i], of_job) ||
		    (clean && !is_one_of(environ[i], allowed)))
			continue;
		if (strncmp(environ[i], "TRACEPARENT=", 12) == 0)
			env->trace = env->base_count;
		env->base[env->base_count++] = environ[i];
	}
	return env;
}

void
jobq_env_free(struct jobq_env *env)
{
	if (env == NULL)
		return;
	free(env->base);
	free(env->env);
	jobq_buf_release(&env->text);
	free(env);
}

static void
begin(struct jobq_env *env, const char *name)
{
	env->at[env->count++] = env->text.len;
	jobq_buf_puts(&env->text, name);
	jobq_buf_putc(&env->text, '=');
}

static void
put(struct jobq_env *env, const char *name, const char *value)
{
	begin(env, name);
	jobq_buf_puts(&env->text, value);
	jobq_buf_putc(&env->text, '\0');
}

static void
put_int(struct jobq_env *env, const char *name, int64_t value)
{
	begin(env, name);
	jobq_buf_int(&env->text, value);
	jobq_buf_putc(&env->text, '\0');
}

static void
put_job(struct jobq_env *env, const struct jobq_job *job, const char *id)
{
	put(env, "JOBQ_ID", id);
	put(env, "JOBQ_NAME", job->name != NULL ? job->name : "default");
	put(env, "JOBQ_QUEUE", job->queue != NULL ? job->queue : "default");
	put_int(env, "JOBQ_ATTEMPT",
	    job->attempt != JOBQ_ABSENT ? job->attempt : 1);
	if (job->has_lease)
		put_int(env, "JOBQ_EPOCH", job->epoch);
}

char **
jobq_env_fill(struct jobq_env *env, const struct jobq_job *job, const char *id,
    const char *tmpdir, const struct jobq_env_from *from)
{
	size_t most = env->base_count + from->count + OF_JOB + 1;
	bool trace = job != NULL && job->trace != NULL;
	size_t n = 0;

	jobq_buf_clear(&env->text);
	env->count = 0;
	if (job != NULL)
		put_job(env, job, id);
	put(env, "JOBQ_TMPDIR", tmpdir);
	if (trace)
		put(env, "TRACEPARENT", job->trace);
	if (most > env->cap) {
		env->env = jobq_xrealloc(env->env, most, sizeof(char *));
		env->cap = most;
	}
	for (size_t i = 0; i < env->base_count; i++)
		if ((i != env->trace || !trace) &&
		    !jobq_env_from_has(from, env->base[i]))
			env->env[n++] = env->base[i];
	for (size_t i = 0; i < from->count; i++) {
		char *entry = from->text.data + from->at[i];

		if (strchr(entry, '=') != NULL)
			env->env[n++] = entry;
	}
	for (size_t i = 0; i < env->count; i++)
		env->env[n++] = env->text.data + env->at[i];
	env->env[n] = NULL;
	return env->env;
}
