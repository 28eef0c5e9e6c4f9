/*
 * A URL of PostgreSQL. jobq's own parameters are taken out of it: schema,
 * listen, and those that the adapter names. Every other must be one that
 * libpq knows; what it means is libpq's affair, as is what the environment,
 * a service file or a password file adds. Nothing is connected here.
 */
#include "postgresql_inside.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* Habit of all commands; "connect_timeout" in the URL sets another. */
#define CONNECT_MS 5000

/* The longest name that PostgreSQL does not cut. */
#define NAME_LEN 63

void
jobq_pg_set(
    struct jobq_pg_settings *settings, const char *keyword, const char *value)
{
	settings->keyword = jobq_grow(settings->keyword, settings->count + 1,
	    &settings->keyword_cap, sizeof *settings->keyword);
	settings->value = jobq_grow(settings->value, settings->count + 1,
	    &settings->value_cap, sizeof *settings->value);
	settings->keyword[settings->count] = jobq_xstrdup(keyword);
	settings->value[settings->count++] = jobq_xstrdup(value);
	settings->keyword[settings->count] = NULL;
	settings->value[settings->count] = NULL;
}

void
jobq_pg_settings_release(struct jobq_pg_settings *settings)
{
	for (size_t i = 0; i < settings->count; i++) {
		free(settings->keyword[i]);
		free(settings->value[i]);
	}
	free(settings->keyword);
	free(settings->value);
	*settings = (struct jobq_pg_settings){ .count = 0 };
}

/*
 * libpq quotes what it does not understand, and that may be a part of a
 * password: of a URL with a secret no quote is shown.
 */
static enum jobq_status
bad_rest(const char *text, const char *said, struct jobq_err *err)
{
	struct jobq_buf shown = JOBQ_BUF_INIT;
	size_t len = strcspn(said, jobq_url_has_secret(text) ? "\"\n" : "\n");
	enum jobq_status status;

	while (len > 0 && strchr(" :", said[len - 1]) != NULL)
		len--;
	jobq_url_redact(text, &shown);
	status = jobq_fail(
	    err, JOBQ_CONFIG, "the URL '%s': %.*s", shown.data, (int)len, said);
	jobq_buf_release(&shown);
	return status;
}

/* What stands before the '?'. */
static enum jobq_status
read_rest(struct jobq_pg *store, const char *rest, struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status = JOBQ_OK;
	PQconninfoOption *options = NULL;
	char *said = NULL;

	jobq_buf_printf(&text, "postgresql:%s", *rest == '\0' ? "//" : rest);
	if (*rest != '\0' && strncmp(rest, "//", 2) != 0)
		status = bad_rest(text.data,
		    "must begin with postgresql://, as in "
		    "postgresql://user@host/database",
		    err);
	if (status == JOBQ_OK) {
		options = PQconninfoParse(text.data, &said);
		if (options == NULL)
			status = bad_rest(text.data,
			    said == NULL ? "out of memory" : said, err);
	}
	for (PQconninfoOption *option = options;
	     option != NULL && option->keyword != NULL; option++)
		if (option->val != NULL)
			jobq_pg_set(
			    &store->settings, option->keyword, option->val);
	PQconninfoFree(options);
	PQfreemem(said);
	jobq_buf_release(&text);
	return status;
}

static bool
is_known(const PQconninfoOption *known, const char *name)
{
	for (; known != NULL && known->keyword != NULL; known++)
		if (strcmp(known->keyword, name) == 0)
			return true;
	return false;
}

/* What libpq does not know stays; the layer above refuses it by name. */
static void
read_parameters(struct jobq_pg *store, struct jobq_url *url)
{
	PQconninfoOption *known = PQconndefaults();

	for (size_t i = 0; i < url->count; i++) {
		struct jobq_parameter *parameter = &url->parameter[i];
		const char *name = parameter->name;
		const char *value = parameter->value;

		/* As libpq does, for URLs that were made for Java. */
		if (strcmp(name, "ssl") == 0 && strcmp(value, "true") == 0) {
			name = "sslmode";
			value = "require";
		}
		if (parameter->taken || !is_known(known, name))
			continue;
		parameter->taken = true;
		jobq_pg_set(&store->settings, name, value);
	}
	PQconninfoFree(known);
}

/* A time for all of the connecting; 0 and less are libpq's words for none. */
static void
read_connect_timeout(struct jobq_pg *store)
{
	store->connect_ms = CONNECT_MS;
	for (size_t i = 0; i < store->settings.count; i++) {
		long seconds;

		if (strcmp(store->settings.keyword[i], "connect_timeout") != 0)
			continue;
		seconds = strtol(store->settings.value[i], NULL, 10);
		store->connect_ms = seconds > 0 && seconds < 1000000
					? seconds * 1000
					: INT32_MAX;
	}
}

static bool
is_schema(const char *name)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789");

	return *name != '\0' && strchr(first, *name) != NULL &&
	       len <= NAME_LEN && name[len] == '\0';
}

static enum jobq_status
read_schema(struct jobq_pg *store, struct jobq_url *url, struct jobq_err *err)
{
	const char *schema = jobq_url_take(url, "schema");
	const char *listen = jobq_url_take(url, "listen");

	store->schema = schema == NULL ? "jobq" : schema;
	store->listens = listen == NULL || strcmp(listen, "1") == 0;
	if (!is_schema(store->schema))
		return jobq_fail(err, JOBQ_CONFIG,
		    "schema '%s' cannot be used: a name is at most %d of a-z, "
		    "0-9 and _, the first no digit",
		    store->schema, NAME_LEN);
	if (!store->listens && strcmp(listen, "0") != 0)
		return jobq_fail(err, JOBQ_CONFIG,
		    "listen=%s: must be 1 or 0, whether NOTIFY is listened for",
		    listen);
	return JOBQ_OK;
}

/* The schema, and what the adapter lets a URL set. */
static enum jobq_status
read_values(struct jobq_pg *store, struct jobq_url *url, struct jobq_err *err)
{
	const struct jobq_adapter *adapter = store->adapter;
	enum jobq_status status;

	store->value =
	    jobq_xcalloc(adapter->parameters + 1, sizeof *store->value);
	store->value[0] = (struct jobq_sql_value){ "schema", store->schema };
	for (size_t i = 0; i < adapter->parameters; i++) {
		const char *value = NULL;

		status = jobq_adapter_take(adapter, i, url, &value, err);
		if (status != JOBQ_OK)
			return status;
		store->value[i + 1] =
		    (struct jobq_sql_value){ adapter->parameter[i].name,
			    value };
	}
	store->texts.value = store->value;
	store->texts.values = adapter->parameters + 1;
	return JOBQ_OK;
}

void
jobq_pg_close(void *handle)
{
	struct jobq_pg *store = handle;

	jobq_pg_ear_release(&store->ear);
	PQfinish(store->conn);
	jobq_pg_settings_release(&store->settings);
	jobq_sql_release(&store->texts);
	jobq_buf_release(&store->name);
	jobq_buf_release(&store->place);
	jobq_buf_release(&store->lines);
	free(store->value);
	free(store->sent);
	free(store);
}

enum jobq_status
jobq_pg_open(struct jobq_url *url, const struct jobq_adapter *adapter,
    enum jobq_store_mode mode, void **handle, struct jobq_err *err)
{
	struct jobq_pg *store = jobq_xcalloc(1, sizeof *store);
	enum jobq_status status;

	store->adapter = store->texts.adapter = adapter;
	store->mode = mode;
	jobq_pg_ear_init(&store->ear);
	status = read_schema(store, url, err);
	if (status == JOBQ_OK)
		status = read_values(store, url, err);
	if (status == JOBQ_OK)
		status = read_rest(store, url->rest, err);
	if (status == JOBQ_OK) {
		jobq_pg_set(
		    &store->settings, "fallback_application_name", "jobq");
		read_parameters(store, url);
		jobq_pg_set(&store->settings, "client_encoding", "UTF8");
		read_connect_timeout(store);
		*handle = store;
	} else {
		jobq_pg_close(store);
	}
	return status;
}
