/*
 * A URL of Kafka:
 *
 *   kafka://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...]
 *
 * Of its parameters config, view and those that the adapter names are taken.
 * view is the file of what is known of the log (kafka_view.c); config names one
 * of librdkafka's settings, NAME=VALUE in a line, as kcat -F has it: for TLS,
 * for other ways to say who we are, for timeouts. Nothing is connected here.
 */
#include "kafka_settle.h"
#include "kafka_view.h"
#include "kafka_wire.h"

#include "clock.h"
#include "file.h"
#include "log.h"
#include "mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "banned.h"

#define PARTITIONS_MOST 1000

/*
 * What is fetched ahead, and of a queue at least; librdkafka needs two to three
 * times as much memory for it.
 */
#define QUEUED_KBYTES 3072
#define QUEUED_LEAST 64

#define ATTEMPTS_MOST 1000000

static const char *const topic_parameters[JOBQ_KAFKA_TOPICS] = {
	[JOBQ_KAFKA_JOBS] = "topic",
	[JOBQ_KAFKA_EVENTS] = "events",
	[JOBQ_KAFKA_CONTROL] = "control",
	[JOBQ_KAFKA_DEAD] = "dead",
};

/* --- the URL ------------------------------------------------------------- */

static enum jobq_status
bad_url(const struct jobq_url *url, const char *what, struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_CONFIG,
	    "the URL of %s: must be kafka://[user:password@]host[:port]"
	    "[,host[:port]...]: %s",
	    url->scheme, what);
}

static char *
decode(const char *text, size_t len)
{
	struct jobq_buf out = JOBQ_BUF_INIT;

	jobq_url_decode(&out, text, len);
	jobq_buf_puts(&out, "");
	return jobq_buf_detach(&out);
}

/* What follows "kafka:". */
static enum jobq_status
read_rest(struct jobq_kafka_settings *settings, const struct jobq_url *url,
    struct jobq_err *err)
{
	const char *text = url->rest, *at, *colon;
	size_t len;

	if (*text == '\0')
		text = "//localhost";
	if (strncmp(text, "//", 2) != 0)
		return bad_url(url, "its beginning", err);
	text += 2;
	at = strrchr(text, '@');
	if (at != NULL) {
		colon = memchr(text, ':', (size_t)(at - text));
		if (colon == NULL)
			return bad_url(url, "a user has a password", err);
		settings->user = decode(text, (size_t)(colon - text));
		settings->password =
		    decode(colon + 1, (size_t)(at - colon) - 1);
		text = at + 1;
	}
	len = strlen(text);
	if (len > 0 && text[len - 1] == '/')
		len--;
	if (len == 0 || memchr(text, '/', len) != NULL)
		return bad_url(url, "its hosts", err);
	settings->servers = jobq_xstrndup(text, len);
	return JOBQ_OK;
}

/* Names of topics and groups as the broker wants them. */
static enum jobq_status
check_name(const char *name, const char *value, struct jobq_err *err)
{
	static const char most[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
				   "nopqrstuvwxyz0123456789_.-";

	if (*value == '\0' || value[strspn(value, most)] != '\0' ||
	    strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
		return jobq_fail(err, JOBQ_CONFIG,
		    "%s=%s: must be some of A-Z, a-z, 0-9, '_', '.' and '-'",
		    name, value);
	return JOBQ_OK;
}

static enum jobq_status
set_parameter(struct jobq_kafka_settings *settings, const char *name,
    const char *value, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	int64_t number = 0;

	if (strcmp(name, "partitions") == 0) {
		status =
		    jobq_int_parse(value, 1, PARTITIONS_MOST, &number, err);
		if (status != JOBQ_OK)
			jobq_err_prefix(err, "partitions");
		settings->partitions = (int)number;
		return status;
	}
	if (strcmp(name, "max_attempts") == 0) {
		status = jobq_int_parse(
		    value, 1, ATTEMPTS_MOST, &settings->max_attempts, err);
		if (status != JOBQ_OK)
			jobq_err_prefix(err, "max_attempts");
		return status;
	}
	status = check_name(name, value, err);
	if (status == JOBQ_OK && strcmp(name, "group") == 0)
		settings->group = jobq_xstrdup(value);
	for (int i = 0; status == JOBQ_OK && i < JOBQ_KAFKA_TOPICS; i++)
		if (strcmp(name, topic_parameters[i]) == 0)
			settings->topic[i] = jobq_xstrdup(value);
	return status;
}

static enum jobq_status
read_parameters(
    struct jobq_kafka *store, struct jobq_url *url, struct jobq_err *err)
{
	const struct jobq_adapter *adapter = store->adapter;
	const char *config = jobq_url_take(url, "config");
	const char *view = jobq_url_take(url, "view");
	enum jobq_status status = JOBQ_OK;

	if (config != NULL)
		store->settings.config = jobq_xstrdup(config);
	if (view != NULL)
		store->settings.view = jobq_xstrdup(view);
	for (size_t i = 0; status == JOBQ_OK && i < adapter->parameters; i++) {
		const char *value = NULL;

		status = jobq_adapter_take(adapter, i, url, &value, err);
		if (status == JOBQ_OK)
			status = set_parameter(&store->settings,
			    adapter->parameter[i].name, value, err);
	}
	for (int i = 0; status == JOBQ_OK && i < JOBQ_KAFKA_TOPICS; i++)
		if (store->settings.topic[i] == NULL)
			status = jobq_fail(err, JOBQ_CONFIG,
			    "%s/adapter.json: \"parameters\" must have \"%s\"",
			    adapter->folder, topic_parameters[i]);
	if (status == JOBQ_OK && store->settings.group == NULL)
		status = jobq_fail(err, JOBQ_CONFIG,
		    "%s/adapter.json: \"parameters\" must have \"group\"",
		    adapter->folder);
	return status;
}

/* --- clients of librdkafka ----------------------------------------------- */

static enum jobq_status
set_one(rd_kafka_conf_t *conf, const char *name, const char *value,
    struct jobq_err *err)
{
	char why[512];

	if (rd_kafka_conf_set(conf, name, value, why, sizeof why) ==
	    RD_KAFKA_CONF_OK)
		return JOBQ_OK;
	return jobq_fail(err, JOBQ_CONFIG, "%s", why);
}

static enum jobq_status
set_pairs(rd_kafka_conf_t *conf, const char *const *pairs, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;

	for (; status == JOBQ_OK && *pairs != NULL; pairs += 2)
		status = set_one(conf, pairs[0], pairs[1], err);
	return status;
}

/* A line NAME=VALUE of the file of settings. */
static enum jobq_status
set_line(rd_kafka_conf_t *conf, char *line, struct jobq_err *err)
{
	char *name = line + strspn(line, " \t"), *equal;
	size_t len = strcspn(name, "\r\n");

	while (len > 0 && (name[len - 1] == ' ' || name[len - 1] == '\t'))
		len--;
	name[len] = '\0';
	if (*name == '\0' || *name == '#')
		return JOBQ_OK;
	equal = strchr(name, '=');
	if (equal == NULL)
		return jobq_fail(
		    err, JOBQ_CONFIG, "'%s' is no NAME=VALUE", name);
	*equal = '\0';
	return set_one(conf, name, equal + 1, err);
}

static enum jobq_status
set_file(rd_kafka_conf_t *conf, const char *path, struct jobq_err *err)
{
	enum jobq_status status;
	FILE *file = fopen(path, "re");
	unsigned long number = 0;
	char *line = NULL;
	size_t cap = 0;

	if (file == NULL)
		return jobq_fail(err, JOBQ_CONFIG,
		    "unable to read the settings of librdkafka '%s': %s", path,
		    strerror(errno));
	status = jobq_file_check_private(path, "settings of librdkafka", err);
	while (status == JOBQ_OK && getline(&line, &cap, file) >= 0) {
		number++;
		status = set_line(conf, line, err);
		if (status != JOBQ_OK)
			jobq_err_prefix(err, "%s:%lu", path, number);
	}
	if (line != NULL)
		explicit_bzero(line, cap);
	free(line);
	fclose(file);
	return status;
}

/* What librdkafka says is what a call will say, if it matters. */
static void
on_log(const rd_kafka_t *client, int level, const char *what, const char *text)
{
	(void)client;
	jobq_log(level <= 2 ? JOBQ_WARNING : JOBQ_DEBUG, "librdkafka: %s: %s",
	    what, text);
}

static void
on_error(rd_kafka_t *client, int code, const char *reason, void *context)
{
	(void)client;
	(void)context;
	jobq_log(JOBQ_DEBUG, "librdkafka: %s: %s",
	    rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
}

static enum jobq_status
set_common(struct jobq_kafka *store, rd_kafka_type_t type,
    rd_kafka_conf_t *conf, struct jobq_err *err)
{
	const struct jobq_kafka_settings *settings = &store->settings;
	const char *const common[] = { "bootstrap.servers", settings->servers,
		"client.id", "jobq", "reconnect.backoff.ms", "50",
		"reconnect.backoff.max.ms", "500", "socket.timeout.ms", "10000",
		"topic.metadata.refresh.interval.ms", "60000", NULL };
	/* The file may say otherwise. */
	char kbytes[24], bytes[24];
	const char *const consuming[] = { "session.timeout.ms", "10000",
		"heartbeat.interval.ms", "500", "partition.assignment.strategy",
		"cooperative-sticky", "fetch.wait.max.ms", "500",
		"fetch.error.backoff.ms", "10", "queued.max.messages.kbytes",
		kbytes, "fetch.message.max.bytes", bytes, NULL };
	const char *const sasl[] = { "security.protocol", "SASL_SSL",
		"sasl.mechanisms", "PLAIN", "sasl.username", settings->user,
		"sasl.password", settings->password, NULL };
	enum jobq_status status = set_pairs(conf, common, err);
	int share = QUEUED_KBYTES / (store->queues > 1 ? store->queues : 1);

	if (share < QUEUED_LEAST)
		share = QUEUED_LEAST;
	snprintf(kbytes, sizeof kbytes, "%d", share);
	snprintf(
	    bytes, sizeof bytes, "%d", share > 1024 ? 1 << 20 : share << 10);
	if (status == JOBQ_OK && type == RD_KAFKA_CONSUMER)
		status = set_pairs(conf, consuming, err);
	if (status == JOBQ_OK && settings->user != NULL)
		status = set_pairs(conf, sasl, err);
	if (status == JOBQ_OK && settings->config != NULL)
		status = set_file(conf, settings->config, err);
	return status;
}

enum jobq_status
jobq_kafka_client(struct jobq_kafka *store, rd_kafka_type_t type,
    void (*set)(rd_kafka_conf_t *conf), const char *const *pairs,
    rd_kafka_t **client, struct jobq_err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	enum jobq_status status;
	char why[512];

	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_opaque(conf, store);
	status = set_common(store, type, conf, err);
	if (status == JOBQ_OK)
		status = set_pairs(conf, pairs, err);
	if (status == JOBQ_OK) {
		if (set != NULL)
			set(conf);
		*client = rd_kafka_new(type, conf, why, sizeof why);
		if (*client != NULL)
			return JOBQ_OK;
		status = jobq_fail(err, JOBQ_CONFIG,
		    "%s: librdkafka cannot be used so: %s", store->name.data,
		    why);
	}
	rd_kafka_conf_destroy(conf);
	return status;
}

enum jobq_status
jobq_kafka_failed(const struct jobq_kafka *store, rd_kafka_resp_err_t code,
    const char *doing, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_AGAIN;
	const char *advice = "";

	switch (code) {
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
		status = JOBQ_CONFIG;
		advice = "; 'jobq-admin init' makes the topics";
		break;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		status = JOBQ_CONFIG;
		advice = "; give the user the right to do that";
		break;
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
	case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
		status = JOBQ_CONFIG;
		break;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
		status = JOBQ_INVALID;
		advice = "; the topic's max.message.bytes is smaller";
		break;
	default:
		break;
	}
	return jobq_fail(err, status, "%s: unable to %s: %s%s",
	    store->name.data, doing, rd_kafka_err2str(code), advice);
}

int
jobq_kafka_left(const struct jobq_kafka *store)
{
	int64_t left = store->deadline - jobq_mono_ms();

	return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* --- open and close ------------------------------------------------------ */

void
jobq_kafka_close(void *handle)
{
	struct jobq_kafka *store = handle;
	struct jobq_kafka_settings *settings = &store->settings;

	store->deadline = jobq_mono_ms() + 2000;
	jobq_kafka_leave(store, true);
	jobq_kafka_listen_stop(store);
	jobq_kafka_view_close(store);
	jobq_kafka_producer_close(store);
	for (size_t i = 0; i < JOBQ_KAFKA_ENDED; i++) {
		free(store->ended[i].id);
		free(store->ended[i].worker);
	}
	free(store->ended);
	if (store->bell >= 0)
		close(store->bell);
	if (settings->password != NULL)
		explicit_bzero(settings->password, strlen(settings->password));
	free(settings->password);
	free(settings->user);
	free(settings->servers);
	free(settings->config);
	free(settings->view);
	free(settings->group);
	for (int i = 0; i < JOBQ_KAFKA_TOPICS; i++)
		free(settings->topic[i]);
	jobq_kafka_forms_release(store);
	jobq_buf_release(&store->name);
	free(store);
}

enum jobq_status
jobq_kafka_open(struct jobq_url *url, const struct jobq_adapter *adapter,
    enum jobq_store_mode mode, void **handle, struct jobq_err *err)
{
	struct jobq_kafka *store = jobq_xcalloc(1, sizeof *store);
	enum jobq_status status;

	store->adapter = adapter;
	store->mode = mode;
	store->ended = jobq_xcalloc(JOBQ_KAFKA_ENDED, sizeof *store->ended);
	store->settings.partitions = 1;
	store->settings.max_attempts = 5;
	jobq_kafka_forms_init(store);
	store->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	status = read_rest(&store->settings, url, err);
	if (status == JOBQ_OK)
		status = read_parameters(store, url, err);
	if (status != JOBQ_OK) {
		jobq_kafka_close(store);
		return status;
	}
	jobq_buf_printf(&store->name, "kafka://%s", store->settings.servers);
	*handle = store;
	return JOBQ_OK;
}
