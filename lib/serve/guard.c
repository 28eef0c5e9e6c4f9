#include "guard.h"

#include "file.h"

#include <sys/types.h>
#include <arpa/inet.h>
#include <sha2.h>
#include <string.h>
#include <strings.h>

#include "banned.h"

#define TOKEN_LEAST 16
#define TOKEN_MOST 1024

static void
digest_of(const char *text, size_t len, unsigned char digest[32])
{
	SHA2_CTX context;

	SHA256Init(&context);
	SHA256Update(&context, (const uint8_t *)text, len);
	SHA256Final(digest, &context);
}

/*
 * Digests are compared, not texts: they have one length, and what a
 * comparison could tell of them says nothing about the token.
 */
bool
jobq_guard_same(const unsigned char digest[32], const char *text, size_t len)
{
	unsigned char other[32];
	unsigned difference = 0;

	digest_of(text, len, other);
	for (int i = 0; i < 32; i++)
		difference |= (unsigned)(digest[i] ^ other[i]);
	return difference == 0;
}

enum jobq_status
jobq_guard_read_token(
    struct jobq_guard *guard, const char *path, struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	enum jobq_status status = jobq_file_check_private(path, "token", err);
	size_t len = 0;

	if (status == JOBQ_OK)
		status = jobq_file_read(path, 65536, &text, err);
	if (status == JOBQ_EMPTY)
		status = jobq_fail(
		    err, JOBQ_CONFIG, "there is no token file '%s'", path);
	if (status == JOBQ_OK) {
		while (len < text.len && text.data[len] > ' ' &&
		       text.data[len] < 0x7f)
			len++;
		if (len < TOKEN_LEAST || len > TOKEN_MOST)
			status = jobq_fail(err, JOBQ_CONFIG,
			    "the first line of '%s' is no token: it has %d to "
			    "%d printable characters and no space",
			    path, TOKEN_LEAST, TOKEN_MOST);
	}
	if (status == JOBQ_OK) {
		digest_of(text.data, len, guard->token);
		guard->has_token = true;
		explicit_bzero(text.data, text.len);
	}
	jobq_buf_release(&text);
	return status;
}

/* The name of "NAME:PORT" or "[NAME]:PORT", without the dot of a root. */
static struct jobq_span
name_of(struct jobq_span host)
{
	const char *end = host.len == 0	    ? NULL
			  : *host.at == '[' ? memchr(host.at, ']', host.len)
					    : memchr(host.at, ':', host.len);

	if (end != NULL)
		host.len = (size_t)(end - host.at) + (*end == ']');
	if (host.len > 1 && host.at[host.len - 1] == '.')
		host.len--;
	return host;
}

static bool
is(struct jobq_span span, const char *text)
{
	return span.len == strlen(text) &&
	       strncasecmp(span.at, text, span.len) == 0;
}

/* What stands behind the name: nothing, or a colon and digits. */
static bool
ends_well(struct jobq_span host, struct jobq_span name)
{
	size_t at = name.len;

	if (at < host.len && host.at[at] == '.')
		at++;
	if (at == host.len)
		return true;
	if (host.at[at++] != ':' || at == host.len || host.len - at > 5)
		return false;
	for (; at < host.len; at++)
		if (host.at[at] < '0' || host.at[at] > '9')
			return false;
	return true;
}

/* An address itself cannot be bound to another by a name server. */
static bool
is_address(struct jobq_span name)
{
	unsigned char address[16];
	char text[INET6_ADDRSTRLEN];
	bool six =
	    name.len > 2 && name.at[0] == '[' && name.at[name.len - 1] == ']';

	if (six) {
		name.at++;
		name.len -= 2;
	}
	if (name.len == 0 || name.len >= sizeof(text))
		return false;
	memcpy(text, name.at, name.len);
	text[name.len] = '\0';
	return inet_pton(six ? AF_INET6 : AF_INET, text, address) == 1;
}

static bool
host_is_good(const struct jobq_guard *guard, struct jobq_span host)
{
	struct jobq_span name = name_of(host);

	if (!ends_well(host, name))
		return false;
	if (is(name, "localhost") || is_address(name))
		return true;
	for (size_t i = 0; i < guard->allowed_hosts->count; i++)
		if (is(host, guard->allowed_hosts->item[i]) ||
		    is(name, guard->allowed_hosts->item[i]))
			return true;
	return false;
}

/*
 * Whether an Origin is the page of this very host; its scheme does not
 * matter, for what stands in front may speak TLS. Or it is allow-listed.
 */
static bool
origin_is_good(const struct jobq_guard *guard, struct jobq_span origin,
    struct jobq_span host)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(schemes[i]);
		struct jobq_span rest;

		if (origin.len <= len ||
		    strncasecmp(origin.at, schemes[i], len) != 0)
			continue;
		rest = (struct jobq_span){ origin.at + len, origin.len - len };
		if (rest.len == host.len &&
		    strncasecmp(rest.at, host.at, rest.len) == 0)
			return true;
		for (size_t j = 0; j < guard->allowed_hosts->count; j++)
			if (is(rest, guard->allowed_hosts->item[j]))
				return true;
	}
	return false;
}

static bool
token_is_good(const struct jobq_guard *guard, struct jobq_span authorization)
{
	static const char bearer[] = "Bearer ";
	size_t len = sizeof(bearer) - 1;
	bool named = authorization.len > len &&
		     strncasecmp(authorization.at, bearer, len) == 0;

	return jobq_guard_same(guard->token,
		   named ? authorization.at + len : "",
		   named ? authorization.len - len : 0) &&
	       named;
}

int
jobq_guard_check(const struct jobq_guard *guard,
    const struct jobq_guarded *request, const char **why)
{
	struct jobq_span site = request->fetch_site;

	if (request->reach == JOBQ_REACH_HEALTH)
		return 0;
	if (!request->is_unix && !host_is_good(guard, request->host)) {
		*why = "this server is not known under the name in the header "
		       "Host; start it with --allow-host NAME";
		return 421;
	}
	if (request->websocket && request->origin.at != NULL &&
	    !origin_is_good(guard, request->origin, request->host)) {
		*why = "the page of the header Origin may not open a WebSocket "
		       "here; start the server with --allow-host HOST:PORT of "
		       "that page";
		return 403;
	}
	if (request->changes &&
	    (site.at != NULL ? !is(site, "same-origin") && !is(site, "none")
			     : request->origin.at != NULL) &&
	    !(request->origin.at != NULL &&
		origin_is_good(guard, request->origin, request->host))) {
		*why = "a page of another site may change nothing here; start "
		       "the server with --allow-host HOST:PORT of that page";
		return 403;
	}
	if (guard->has_token && !request->open &&
	    !token_is_good(guard, request->authorization)) {
		*why = "this needs the header 'Authorization: Bearer TOKEN' "
		       "with the token of the server's --token-file";
		return 401;
	}
	return 0;
}
