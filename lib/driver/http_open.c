/*
 * A URL of HTTP:
 *
 *   http[s]://[USER:PASSWORD@]HOST[:PORT][/PATH]
 *
 * Of its parameters token_file, socket, listen and connect_timeout are taken.
 * A token comes from the file that token_file names, else JOBQ_TOKEN_FILE,
 * else from jobq-token in CREDENTIALS_DIRECTORY. Nothing is connected here.
 */
#include "http_inside.h"

#include "clock.h"
#include "file.h"
#include "http_api.h"
#include "log.h"
#include "mem.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "banned.h"

#define CONNECT_MS 5000
#define TOKEN_BYTES 8192

static enum jobq_status
bad_url(const struct jobq_url *url, const char *why, struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_CONFIG,
	    "the URL of %s: must be %s://[user:password@]host[:port][/path]: "
	    "%s",
	    url->scheme, url->scheme, why);
}

/* A part of the URL, decoded; NULL when it has none. */
static char *
take_part(CURLU *parts, CURLUPart part)
{
	char *text = NULL, *copy = NULL;

	if (curl_url_get(parts, part, &text, CURLU_URLDECODE) == CURLUE_OK)
		copy = jobq_xstrdup(text);
	curl_free(text);
	return copy;
}

/* Whether what is sent to this host stays on this machine. */
static bool
is_loopback(const char *host)
{
	unsigned char address[16];

	if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, address) == 1 && address[0] == 127;
}

/* What is left of the URL when credentials are taken out. */
static enum jobq_status
read_base(struct jobq_remote_settings *settings, const struct jobq_url *url,
    CURLU *parts, struct jobq_err *err)
{
	char *host = NULL, *text = NULL;
	CURLUcode code;
	size_t len;

	settings->user = take_part(parts, CURLUPART_USER);
	settings->password = take_part(parts, CURLUPART_PASSWORD);
	curl_url_set(parts, CURLUPART_USER, NULL, 0);
	curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0);
	curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0);
	code = curl_url_get(parts, CURLUPART_HOST, &host, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(parts, CURLUPART_URL, &text, 0);
	if (code == CURLUE_OK) {
		settings->loopback = is_loopback(host);
		len = strlen(text);
		while (len > 0 && text[len - 1] == '/')
			len--;
		settings->base = jobq_xstrndup(text, len);
	}
	curl_free(host);
	curl_free(text);
	return code == CURLUE_OK ? JOBQ_OK
				 : bad_url(url, curl_url_strerror(code), err);
}

static enum jobq_status
read_rest(struct jobq_remote_settings *settings, const struct jobq_url *url,
    struct jobq_err *err)
{
	struct jobq_buf whole = JOBQ_BUF_INIT;
	CURLU *parts = curl_url();
	enum jobq_status status;
	CURLUcode code;

	if (parts == NULL)
		jobq_mem_exhausted("a URL");
	jobq_buf_printf(&whole, "%s:%s", url->scheme, url->rest);
	code = strncmp(url->rest, "//", 2) != 0
		   ? CURLUE_NO_HOST
		   : curl_url_set(parts, CURLUPART_URL, whole.data, 0);
	status = code == CURLUE_OK ? read_base(settings, url, parts, err)
				   : bad_url(url, curl_url_strerror(code), err);
	curl_url_cleanup(parts);
	jobq_buf_release(&whole);
	return status;
}

static enum jobq_status
read_own(struct jobq_remote_settings *settings, struct jobq_url *url,
    struct jobq_err *err)
{
	const char *path = jobq_url_take(url, "socket");
	const char *listen = jobq_url_take(url, "listen");
	const char *timeout = jobq_url_take(url, "connect_timeout");

	settings->connect_ms = CONNECT_MS;
	settings->listens = listen == NULL || strcmp(listen, "1") == 0;
	if (!settings->listens && strcmp(listen, "0") != 0)
		return jobq_fail(err, JOBQ_CONFIG,
		    "listen=%s: must be 1 or 0, whether the server's bell is "
		    "listened to",
		    listen);
	if (path != NULL) {
		if (*path == '\0' ||
		    strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
			return jobq_fail(err, JOBQ_CONFIG,
			    "socket=%s: must be the path of a socket, at most "
			    "%zu bytes of it",
			    path,
			    sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
		settings->socket = jobq_xstrdup(path);
		settings->loopback = true;
	}
	return timeout == NULL ? JOBQ_OK
			       : jobq_duration_parse(timeout, false,
				     &settings->connect_ms, err);
}

/* The file that has the token; NULL: none is named. */
static char *
token_path(struct jobq_remote_settings *settings, struct jobq_url *url)
{
	const char *given = jobq_url_take(url, "token_file");
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	struct jobq_buf path = JOBQ_BUF_INIT;

	if (given == NULL && settings->user != NULL)
		return NULL;
	if (given == NULL)
		given = getenv("JOBQ_TOKEN_FILE");
	if (given != NULL && *given != '\0')
		return jobq_xstrdup(given);
	if (folder == NULL || *folder == '\0')
		return NULL;
	jobq_buf_printf(&path, "%s/jobq-token", folder);
	if (access(path.data, F_OK) == 0)
		return jobq_buf_detach(&path);
	jobq_buf_release(&path);
	return NULL;
}

static enum jobq_status
check_token(const char *path, struct jobq_buf *text, struct jobq_err *err)
{
	while (text->len > 0 && strchr(" \t\r\n", text->data[text->len - 1]))
		text->data[--text->len] = '\0';
	if (text->len == 0)
		return jobq_fail(
		    err, JOBQ_CONFIG, "the token file '%s' is empty", path);
	for (size_t i = 0; i < text->len; i++)
		if (text->data[i] <= ' ' || text->data[i] > '~')
			return jobq_fail(err, JOBQ_CONFIG,
			    "the token file '%s' has more than a token: one "
			    "line of ASCII without spaces is wanted",
			    path);
	return JOBQ_OK;
}

static enum jobq_status
read_token(struct jobq_remote_settings *settings, struct jobq_url *url,
    struct jobq_err *err)
{
	char *path = token_path(settings, url);
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status;

	if (path == NULL)
		return JOBQ_OK;
	status = settings->user == NULL
		     ? jobq_file_check_private(path, "token file", err)
		     : jobq_fail(err, JOBQ_CONFIG,
			   "the URL has a user and a token_file: give one of "
			   "them");
	if (status == JOBQ_OK)
		status = jobq_file_read(path, TOKEN_BYTES, &text, err);
	if (status == JOBQ_EMPTY)
		status = jobq_fail(
		    err, JOBQ_CONFIG, "there is no token file '%s'", path);
	if (status == JOBQ_OK)
		status = check_token(path, &text, err);
	if (status == JOBQ_OK)
		settings->token = jobq_xstrdup(text.data);
	if (text.data != NULL)
		explicit_bzero(text.data, text.len);
	jobq_buf_release(&text);
	free(path);
	return status;
}

static void
note_name(struct jobq_remote *store)
{
	const struct jobq_remote_settings *settings = &store->settings;

	if (settings->socket != NULL)
		jobq_buf_printf(&store->name, "%s?socket=%s", settings->base,
		    settings->socket);
	else
		jobq_buf_puts(&store->name, settings->base);
	if (!settings->loopback && strncmp(settings->base, "http:", 5) == 0 &&
	    (settings->token != NULL || settings->password != NULL))
		jobq_log(JOBQ_WARNING,
		    "the %s for '%s' can be read on the way: use https, or a "
		    "tunnel",
		    settings->token != NULL ? "token" : "password",
		    store->name.data);
}

static void
forget(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void
jobq_remote_close(void *handle)
{
	struct jobq_remote *store = handle;

	jobq_remote_api_close(store);
	jobq_remote_ear_release(&store->ear);
	curl_easy_cleanup(store->easy);
	free(store->settings.base);
	free(store->settings.socket);
	free(store->settings.user);
	forget(store->settings.password);
	forget(store->settings.token);
	jobq_buf_release(&store->name);
	free(store);
}

enum jobq_status
jobq_remote_open(struct jobq_url *url, const struct jobq_adapter *adapter,
    enum jobq_store_mode mode, void **handle, struct jobq_err *err)
{
	struct jobq_remote *store = jobq_xcalloc(1, sizeof *store);
	enum jobq_status status = JOBQ_OK;

	store->adapter = adapter;
	store->mode = mode;
	jobq_remote_ear_init(&store->ear);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		status =
		    jobq_fail(err, JOBQ_CONFIG, "unable to make libcurl ready");
	if (status == JOBQ_OK)
		status = read_rest(&store->settings, url, err);
	if (status == JOBQ_OK)
		status = read_own(&store->settings, url, err);
	if (status == JOBQ_OK)
		status = read_token(&store->settings, url, err);
	if (status == JOBQ_OK) {
		note_name(store);
		store->easy = curl_easy_init();
		if (store->easy == NULL)
			jobq_mem_exhausted("an HTTP client");
		status = jobq_remote_api_open(store, err);
	}
	if (status != JOBQ_OK) {
		jobq_remote_close(store);
		return status;
	}
	*handle = store;
	return JOBQ_OK;
}
