/*
 * A URL of Redis:
 *
 *   redis://[[USER]:PASSWORD@][HOST][:PORT][/DATABASE]
 *   unix:PATH[?db=DATABASE]
 *
 * Of its parameters prefix, listen, db, connect_timeout and those that the
 * adapter names are taken. A password that is not in it comes from
 * REDISCLI_AUTH, as for redis-cli. Nothing is connected here.
 */
#include "redis_inside.h"

#include "clock.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define PORT 6379
#define CONNECT_MS 5000
#define DATABASE_MOST 1000000
#define PREFIX_LEN 63

static enum jobq_status
bad_url(const struct jobq_url *url, const char *what, struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_CONFIG,
	    "the URL of %s: must be redis://[user:password@]host[:port]"
	    "[/database] or unix:/path/to/socket: %s",
	    url->scheme, what);
}

/* Adds a part of the URL without its %XX. */
static enum jobq_status
decode(const char *text, size_t len, char **out, struct jobq_err *err)
{
	struct jobq_url part = { .rest = jobq_xstrndup(text, len) };
	struct jobq_buf decoded = JOBQ_BUF_INIT;
	enum jobq_status status = jobq_url_path(&part, &decoded, err);

	free(part.rest);
	jobq_buf_puts(&decoded, "");
	if (status == JOBQ_OK)
		*out = jobq_buf_detach(&decoded);
	jobq_buf_release(&decoded);
	return status;
}

/* user:password before the '@'. */
static enum jobq_status
read_user(struct jobq_redis_settings *settings, const char *text, size_t len,
    struct jobq_err *err)
{
	const char *colon = memchr(text, ':', len);
	size_t user = colon == NULL ? len : (size_t)(colon - text);
	enum jobq_status status = JOBQ_OK;

	if (user > 0)
		status = decode(text, user, &settings->user, err);
	if (status == JOBQ_OK && colon != NULL)
		status =
		    decode(colon + 1, len - user - 1, &settings->password, err);
	return status;
}

static enum jobq_status
read_host(struct jobq_redis_settings *settings, const struct jobq_url *url,
    const char *text, size_t len, struct jobq_err *err)
{
	const char *end = text + len, *port = memchr(text, ':', len);
	enum jobq_status status;
	int64_t number = PORT;
	char *digits;

	/* An IPv6 address stands in brackets. */
	if (len > 0 && *text == '[') {
		const char *close = memchr(text, ']', len);

		if (close == NULL)
			return bad_url(url, "a '[' is not closed", err);
		port = close + 1 < end ? close + 1 : NULL;
		if (port != NULL && *port != ':')
			return bad_url(url, "what follows the ']'", err);
		text++;
		len = (size_t)(close - text);
	} else if (port != NULL) {
		len = (size_t)(port - text);
	}
	if (port != NULL) {
		digits = jobq_xstrndup(port + 1, (size_t)(end - port) - 1);
		status = jobq_int_parse(digits, 1, 65535, &number, NULL);
		free(digits);
		if (status != JOBQ_OK)
			return bad_url(url, "its port", err);
	}
	settings->port = (int)number;
	if (len == 0) {
		settings->host = jobq_xstrdup("localhost");
		return JOBQ_OK;
	}
	return decode(text, len, &settings->host, err);
}

static enum jobq_status
read_database(struct jobq_redis_settings *settings, const char *text,
    struct jobq_err *err)
{
	int64_t number = 0;

	if (*text != '\0' &&
	    jobq_int_parse(text, 0, DATABASE_MOST, &number, NULL) != JOBQ_OK)
		return jobq_fail(err, JOBQ_CONFIG,
		    "'%s' is no database of Redis: must be a number", text);
	settings->database = number;
	return JOBQ_OK;
}

/* What follows "redis:". */
static enum jobq_status
read_rest(struct jobq_redis_settings *settings, const struct jobq_url *url,
    struct jobq_err *err)
{
	const char *text = url->rest, *slash, *at = NULL;
	enum jobq_status status = JOBQ_OK;
	size_t len;

	if (*text == '\0')
		text = "//";
	if (strncmp(text, "//", 2) != 0)
		return bad_url(url, "its beginning", err);
	text += 2;
	len = strcspn(text, "/");
	slash = text + len;
	for (size_t i = 0; i < len; i++)
		if (text[i] == '@')
			at = text + i;
	if (at != NULL) {
		status = read_user(settings, text, (size_t)(at - text), err);
		len -= (size_t)(at + 1 - text);
		text = at + 1;
	}
	if (status == JOBQ_OK)
		status = read_host(settings, url, text, len, err);
	if (status == JOBQ_OK && *slash == '/')
		status = read_database(settings, slash + 1, err);
	return status;
}

/* unix:PATH, or unix://PATH as others write it. */
static enum jobq_status
read_path(struct jobq_redis_settings *settings, const struct jobq_url *url,
    struct jobq_err *err)
{
	const char *text = url->rest;

	if (strncmp(text, "//", 2) == 0)
		text += 2;
	if (*text != '/')
		return bad_url(url, "the path must begin with '/'", err);
	return decode(text, strlen(text), &settings->path, err);
}

static enum jobq_status
read_own(struct jobq_redis *store, struct jobq_url *url, struct jobq_err *err)
{
	static const char most[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
				   "nopqrstuvwxyz0123456789_.:{}-";
	const char *prefix = jobq_url_take(url, "prefix");
	const char *listen = jobq_url_take(url, "listen");
	const char *database = jobq_url_take(url, "db");
	const char *timeout = jobq_url_take(url, "connect_timeout");
	enum jobq_status status = JOBQ_OK;

	store->prefix = prefix == NULL ? "jobq" : prefix;
	store->listens = listen == NULL || strcmp(listen, "1") == 0;
	store->settings.connect_ms = CONNECT_MS;
	if (*store->prefix == '\0' || strlen(store->prefix) > PREFIX_LEN ||
	    store->prefix[strspn(store->prefix, most)] != '\0')
		return jobq_fail(err, JOBQ_CONFIG,
		    "prefix '%s' cannot be used: it is at most %d of A-Z, a-z, "
		    "0-9, '_', '.', ':', '{', '}' and '-'",
		    store->prefix, PREFIX_LEN);
	if (!store->listens && strcmp(listen, "0") != 0)
		return jobq_fail(err, JOBQ_CONFIG,
		    "listen=%s: must be 1 or 0, whether PUBLISH is listened "
		    "for",
		    listen);
	if (timeout != NULL)
		status = jobq_duration_parse(
		    timeout, false, &store->settings.connect_ms, err);
	if (status == JOBQ_OK && database != NULL)
		status = read_database(&store->settings, database, err);
	return status;
}

/* What the adapter lets a URL set, as the object that its texts get. */
static enum jobq_status
read_parameters(
    struct jobq_redis *store, struct jobq_url *url, struct jobq_err *err)
{
	const struct jobq_adapter *adapter = store->adapter;
	const char *slot = jobq_adapter_slot(adapter);
	enum jobq_status status;

	store->key = store->prefix;
	jobq_buf_printf(
	    &store->parameters, "{\"prefix\":\"%s\"", store->prefix);
	for (size_t i = 0; i < adapter->parameters; i++) {
		const char *value = NULL;

		status = jobq_adapter_take(adapter, i, url, &value, err);
		if (status != JOBQ_OK)
			return status;
		jobq_buf_printf(&store->parameters, ",\"%s\":\"%s\"",
		    adapter->parameter[i].name, value);
		if (slot != NULL &&
		    strcmp(slot, adapter->parameter[i].name) == 0)
			store->key = value;
	}
	jobq_buf_putc(&store->parameters, '}');
	return JOBQ_OK;
}

void
jobq_redis_note_name(struct jobq_redis *store)
{
	const struct jobq_redis_settings *settings = &store->settings;
	const char *host = settings->host;
	int port = settings->port;
	bool six;

	jobq_buf_clear(&store->name);
	if (store->node != NULL) {
		host = store->node;
		port = store->node_port;
	} else if (settings->path != NULL) {
		jobq_buf_printf(&store->name, "unix:%s", settings->path);
		return;
	}
	six = strchr(host, ':') != NULL;
	jobq_buf_printf(&store->name, "redis://%s%s%s:%d", six ? "[" : "", host,
	    six ? "]" : "", port);
}

void
jobq_redis_close(void *handle)
{
	struct jobq_redis *store = handle;

	jobq_redis_ear_release(&store->ear);
	jobq_redis_peer_free(store);
	jobq_redis_drop(store);
	jobq_redis_scripts_release(store);
	free(store->node);
	free(store->settings.path);
	free(store->settings.host);
	free(store->settings.user);
	free(store->settings.password);
	jobq_buf_release(&store->name);
	jobq_buf_release(&store->parameters);
	free(store);
}

enum jobq_status
jobq_redis_open(struct jobq_url *url, const struct jobq_adapter *adapter,
    enum jobq_store_mode mode, void **handle, struct jobq_err *err)
{
	struct jobq_redis *store = jobq_xcalloc(1, sizeof *store);
	const char *password = getenv("REDISCLI_AUTH");
	enum jobq_status status;

	store->adapter = adapter;
	store->mode = mode;
	jobq_redis_ear_init(&store->ear);
	if (strcmp(url->scheme, "rediss") == 0)
		status = jobq_fail(err, JOBQ_UNSUPPORTED,
		    "rediss: hiredis is used without TLS here: let a tunnel "
		    "(stunnel, spiped, ssh -L) carry redis:// to the server");
	else if (strcmp(url->scheme, "unix") == 0)
		status = read_path(&store->settings, url, err);
	else
		status = read_rest(&store->settings, url, err);
	if (status == JOBQ_OK)
		status = read_own(store, url, err);
	if (status == JOBQ_OK)
		status = read_parameters(store, url, err);
	if (status == JOBQ_OK && store->settings.password == NULL &&
	    password != NULL && *password != '\0')
		store->settings.password = jobq_xstrdup(password);
	if (status != JOBQ_OK) {
		jobq_redis_close(store);
		return status;
	}
	jobq_redis_note_name(store);
	*handle = store;
	return JOBQ_OK;
}
