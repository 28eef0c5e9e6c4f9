/*
 * The URL of a store: scheme:rest?name=value&name=value. The scheme chooses
 * the driver; jobq's own parameters are taken out before a client library
 * sees the rest.
 */
#ifndef JOBQ_URL_H
#define JOBQ_URL_H

#include "buf.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>

struct jobq_parameter {
	char *name;
	char *value; /* decoded from %XX */
	bool taken;
};

struct jobq_url {
	char *scheme;
	char *rest; /* between ':' and '?', as it was written */
	struct jobq_parameter *parameter;
	size_t count;
	size_t cap;
};

/* JOBQ_CONFIG for what has no scheme or a bad %XX. */
enum jobq_status jobq_url_parse(
    struct jobq_url *url, const char *text, struct jobq_err *err);
void jobq_url_release(struct jobq_url *url);

/* The value of a parameter, marked as taken, or NULL. */
const char *jobq_url_take(struct jobq_url *url, const char *name);

/* The first parameter nobody took, or NULL: a driver refuses it by name. */
const char *jobq_url_left(const struct jobq_url *url);

/*
 * Adds text with each %XX as its byte. A '%' that begins none stays as it is
 * and makes the result false, as does %00.
 */
bool jobq_url_decode(struct jobq_buf *out, const char *text, size_t len);

/* Adds rest decoded from %XX, as a path. */
enum jobq_status jobq_url_path(
    const struct jobq_url *url, struct jobq_buf *out, struct jobq_err *err);

/* Whether the URL has a secret that jobq_url_redact() does not show. */
bool jobq_url_has_secret(const char *text);

/*
 * Adds the URL with *** in place of the password of user:password@ and of
 * parameters named like secrets (password, token, secret, key), also when
 * the URL is malformed.
 */
void jobq_url_redact(const char *text, struct jobq_buf *out);

#endif
