#include "adapter_json.h"

#include "json.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define LEASE_MS 30000

/* The longest name, and value, of a parameter. */
#define VALUE_MAX 63

#define OF_WHEN "an object of parameters, of their values, of members"

static enum jobq_status
bad_member(const struct jobq_adapter *adapter, const char *member,
    const char *must, struct jobq_err *err)
{
	return jobq_fail(err, JOBQ_CONFIG, "%s/adapter.json: \"%s\" must be %s",
	    adapter->folder, member, must);
}

/* A list of strings is added to; an absent member adds none. */
static enum jobq_status
read_list(const struct jobq_adapter *adapter, const struct jobq_object *object,
    const char *member, char ***list, struct jobq_err *err)
{
	const struct jobq_span *value = jobq_object_get(object, member);
	struct jobq_span element;
	struct jobq_buf text = JOBQ_BUF_INIT;
	size_t cursor = 0, count = 0, cap = 0;
	enum jobq_status status = JOBQ_OK;
	char **out = *list;

	while (out != NULL && out[count] != NULL)
		count++;
	if (out != NULL)
		cap = count + 1;
	if (value != NULL && value->at[0] != '[')
		status = bad_member(adapter, member, "an array", err);
	while (value != NULL && status == JOBQ_OK &&
	       jobq_json_element(*value, &cursor, &element)) {
		jobq_buf_clear(&text);
		status = jobq_json_string(element, &text, NULL);
		if (status != JOBQ_OK) {
			status = bad_member(
			    adapter, member, "an array of strings", err);
			break;
		}
		out = jobq_grow(out, count, &cap, sizeof *out);
		out[count++] = jobq_xstrndup(text.data, text.len);
	}
	out = jobq_grow(out, count, &cap, sizeof *out);
	out[count] = NULL;
	*list = out;
	jobq_buf_release(&text);
	return status;
}

static enum jobq_status
read_fencing(struct jobq_adapter *adapter, const struct jobq_object *object,
    struct jobq_err *err)
{
	static const char *const words[] = { "\"epoch\"", "\"owner\"",
		"\"none\"" };
	const struct jobq_span *value = jobq_object_get(object, "fencing");

	for (size_t i = 0; value != NULL && i < 3; i++)
		if (jobq_span_is(*value, words[i])) {
			adapter->fencing = (enum jobq_fencing)i;
			return JOBQ_OK;
		}
	return bad_member(
	    adapter, "fencing", "\"epoch\", \"owner\" or \"none\"", err);
}

/* How leases are; what is absent stays. */
static enum jobq_status
read_leases(struct jobq_adapter *adapter, const struct jobq_object *object,
    struct jobq_err *err)
{
	const struct jobq_span *lease = jobq_object_get(object, "lease");
	const struct jobq_span *renews = jobq_object_get(object, "renews");
	const struct jobq_span *ring = jobq_object_get(object, "ring");
	double seconds;

	if (lease != NULL) {
		if (jobq_json_double(*lease, &seconds, NULL) != JOBQ_OK ||
		    seconds < 0.1 || seconds > 1e7)
			return bad_member(
			    adapter, "lease", "a number of seconds", err);
		adapter->lease_ms = (int64_t)(seconds * 1000);
	}
	if (ring != NULL)
		adapter->ring = jobq_span_is(*ring, "true");
	if (renews != NULL)
		adapter->renews = jobq_span_is(*renews, "true");
	return JOBQ_OK;
}

static enum jobq_status
read_scalars(struct jobq_adapter *adapter, const struct jobq_object *object,
    struct jobq_err *err)
{
	const struct jobq_span *driver = jobq_object_get(object, "driver");
	const struct jobq_span *version = jobq_object_get(object, "version");
	const struct jobq_span *worker = jobq_object_get(object, "worker");
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status;

	if (driver == NULL || jobq_json_string(*driver, &text, NULL) != 0) {
		jobq_buf_release(&text);
		return bad_member(adapter, "driver", "a scheme", err);
	}
	adapter->driver = jobq_buf_detach(&text);
	if (version != NULL &&
	    jobq_json_int(*version, &adapter->version, NULL) != JOBQ_OK)
		return bad_member(adapter, "version", "a whole number", err);
	if (worker != NULL &&
	    jobq_json_int(*worker, &adapter->worker_most, NULL) != JOBQ_OK)
		return bad_member(adapter, "worker", "a whole number", err);
	adapter->renews = true;
	adapter->lease_ms = LEASE_MS;
	status = read_leases(adapter, object, err);
	return status == JOBQ_OK ? read_fencing(adapter, object, err) : status;
}

static bool
may_be_value(const char *value)
{
	size_t len =
	    strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			  "abcdefghijklmnopqrstuvwxyz0123456789_.:{}-");

	return len <= VALUE_MAX && value[len] == '\0';
}

enum jobq_status
jobq_adapter_take(const struct jobq_adapter *adapter, size_t number,
    struct jobq_url *url, const char **value, struct jobq_err *err)
{
	const struct jobq_adapter_parameter *parameter =
	    &adapter->parameter[number];

	*value = jobq_url_take(url, parameter->name);
	if (*value == NULL)
		*value = parameter->value;
	return may_be_value(*value)
		   ? JOBQ_OK
		   : jobq_fail(err, JOBQ_CONFIG,
			 "%s=%s: a value is at most 63 of A-Z, a-z, 0-9, "
			 "'_', '.', ':', '{', '}' and '-'",
			 parameter->name, *value);
}

static bool
may_be_parameter(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return len > 0 && len <= VALUE_MAX && name[len] == '\0';
}

static void
add_parameter(
    struct jobq_adapter *adapter, size_t *cap, char *name, char *value)
{
	struct jobq_adapter_parameter *list = adapter->parameter;

	list = jobq_grow(list, adapter->parameters, cap, sizeof *list);
	list[adapter->parameters].name = name;
	list[adapter->parameters++].value = value;
	adapter->parameter = list;
}

/* "parameters": names with their defaults; an absent member gives none. */
static enum jobq_status
read_parameters(struct jobq_adapter *adapter, const struct jobq_object *object,
    struct jobq_err *err)
{
	const struct jobq_span *value = jobq_object_get(object, "parameters");
	enum jobq_status status = JOBQ_OK;
	struct jobq_member member;
	size_t cursor = 0, cap = 0;

	if (value != NULL && value->at[0] != '{')
		return bad_member(adapter, "parameters", "an object", err);
	while (value != NULL && status == JOBQ_OK &&
	       jobq_json_member(*value, &cursor, &member)) {
		char *name = jobq_xstrndup(member.key.at, member.key.len);
		struct jobq_buf text = JOBQ_BUF_INIT;

		status = jobq_json_string(member.value, &text, NULL);
		add_parameter(adapter, &cap, name, jobq_buf_detach(&text));
		if (status == JOBQ_OK && may_be_parameter(name) &&
		    may_be_value(
			adapter->parameter[adapter->parameters - 1].value))
			continue;
		status = bad_member(adapter, "parameters",
		    "an object of names (a-z 0-9 _) and their values as "
		    "strings (at most 63 of A-Z a-z 0-9 _ . : { } -)",
		    err);
	}
	return status;
}

/* "when" is kept as it is: which parts hold is the URL's to say. */
static enum jobq_status
read_when(struct jobq_adapter *adapter, const struct jobq_object *object,
    struct jobq_err *err)
{
	const struct jobq_span *when = jobq_object_get(object, "when");

	if (when == NULL)
		return JOBQ_OK;
	if (when->at[0] != '{')
		return bad_member(adapter, "when", OF_WHEN, err);
	adapter->when = jobq_xstrndup(when->at, when->len);
	return JOBQ_OK;
}

/* A name; an absent member stays NULL. */
static enum jobq_status
read_name(const struct jobq_adapter *adapter, const struct jobq_object *object,
    const char *member, const char *must, char **name, struct jobq_err *err)
{
	const struct jobq_span *value = jobq_object_get(object, member);
	struct jobq_buf text = JOBQ_BUF_INIT;

	if (value == NULL)
		return JOBQ_OK;
	if (jobq_json_string(*value, &text, NULL) != JOBQ_OK) {
		jobq_buf_release(&text);
		return bad_member(adapter, member, must, err);
	}
	jobq_buf_puts(&text, "");
	*name = jobq_buf_detach(&text);
	return JOBQ_OK;
}

enum jobq_status
jobq_adapter_read(struct jobq_adapter *adapter, struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_object object = { 0 };
	enum jobq_status status;

	status = jobq_adapter_text(adapter, "adapter.json", &text, err);
	if (status == JOBQ_OK &&
	    jobq_object_scan(&object, text.data, text.len, err) != JOBQ_OK) {
		jobq_err_prefix(err, "%s/adapter.json", adapter->folder);
		status = JOBQ_CONFIG;
	}
	if (status == JOBQ_OK)
		status = read_scalars(adapter, &object, err);
	if (status == JOBQ_OK)
		status =
		    read_list(adapter, &object, "verbs", &adapter->verbs, err);
	if (status == JOBQ_OK)
		status =
		    read_list(adapter, &object, "reads", &adapter->reads, err);
	if (status == JOBQ_OK)
		status =
		    read_list(adapter, &object, "hints", &adapter->hints, err);
	if (status == JOBQ_OK)
		status = read_list(
		    adapter, &object, "cannot", &adapter->cannot, err);
	if (status == JOBQ_OK)
		status = read_parameters(adapter, &object, err);
	if (status == JOBQ_OK)
		status = read_when(adapter, &object, err);
	if (status == JOBQ_OK)
		status = read_name(adapter, &object, "slot",
		    "the name of a parameter", &adapter->slot, err);
	/* Whether there is such an adapter is found when it is looked for. */
	if (status == JOBQ_OK)
		status = read_name(adapter, &object, "base",
		    "the name of an adapter", &adapter->base, err);
	jobq_object_release(&object);
	jobq_buf_release(&text);
	return status;
}

/* The value that a parameter has by the URL or without one; NULL: none such. */
static const char *
parameter_value(const struct jobq_adapter *adapter, const struct jobq_url *url,
    struct jobq_span name)
{
	const char *value = NULL;

	for (size_t i = 0; i < adapter->parameters; i++)
		if (jobq_span_is(name, adapter->parameter[i].name))
			value = adapter->parameter[i].value;
	for (size_t i = 0; value != NULL && i < url->count; i++)
		if (jobq_span_is(name, url->parameter[i].name))
			value = url->parameter[i].value;
	return value;
}

/* What holds for one value: leases are replaced, cannot is added to. */
static enum jobq_status
apply_members(struct jobq_adapter *adapter, struct jobq_span members,
    struct jobq_err *err)
{
	struct jobq_object object = { 0 };
	enum jobq_status status;

	if (members.at[0] != '{' ||
	    jobq_object_scan(&object, members.at, members.len, NULL) != JOBQ_OK)
		status = bad_member(adapter, "when", OF_WHEN, err);
	else
		status = read_leases(adapter, &object, err);
	if (status == JOBQ_OK)
		status = read_list(
		    adapter, &object, "cannot", &adapter->cannot, err);
	jobq_object_release(&object);
	return status;
}

enum jobq_status
jobq_adapter_apply(struct jobq_adapter *adapter, const struct jobq_url *url,
    struct jobq_err *err)
{
	struct jobq_span when = { adapter->when, 0 };
	enum jobq_status status = JOBQ_OK;
	struct jobq_member parameter, value;
	size_t cursor = 0;

	if (adapter->when != NULL)
		when.len = strlen(adapter->when);
	while (when.len > 0 && status == JOBQ_OK &&
	       jobq_json_member(when, &cursor, &parameter)) {
		const char *is = parameter_value(adapter, url, parameter.key);
		size_t inner = 0;

		if (is == NULL || parameter.value.at[0] != '{')
			status = bad_member(adapter, "when", OF_WHEN, err);
		while (status == JOBQ_OK &&
		       jobq_json_member(parameter.value, &inner, &value))
			if (jobq_span_is(value.key, is))
				status =
				    apply_members(adapter, value.value, err);
	}
	return status;
}
