/*
 * A URL is cut at the first ':' (scheme), the first '?' behind that and behind
 * its credentials (rest), and at each '&' (parameters). Nothing else is
 * understood here: what rest means is the driver's affair.
 *
 * Redaction must also hide the password of a URL that is wrong, for that is
 * when messages show one. So it does not ask whether the URL can be parsed:
 *
 * - Credentials reach from the beginning (behind SCHEME: and //) to the last
 *   '@' before the first '/', '?' or '#'. Where there is none, but a ':' and
 *   an '@' further on, a raw '/' or '?' in a password is likelier than
 *   anything else, and the last '@' of all ends them; unless the ':' begins
 *   a port and the '@' stands in a parameter's value.
 * - The password is what follows the first ':' in them. Without "//" it may
 *   be that the scheme is missing and what looks like one is the user; then
 *   all of them is hidden.
 * - Behind that, the text is cut at '?', '&', '#', ';' and spaces into
 *   NAME=VALUE; values of secret names are hidden, with the pieces that
 *   follow and have no '=', for they are parts of a value with a raw '&'.
 */
#include "url.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "banned.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
jobq_url_decode(struct jobq_buf *out, const char *text, size_t len)
{
	bool good = true;

	jobq_buf_reserve(out, len);
	for (size_t i = 0; i < len; i++) {
		int high = -1;
		int low = -1;

		if (text[i] == '%' && len - i > 2) {
			high = hex_digit(text[i + 1]);
			low = hex_digit(text[i + 2]);
		}
		if (high >= 0 && low >= 0 && high + low > 0) {
			jobq_buf_putc(out, (char)(high << 4 | low));
			i += 2;
			continue;
		}
		good = good && text[i] != '%';
		jobq_buf_putc(out, text[i]);
	}
	return good;
}

/* The length of "SCHEME" in "SCHEME:", 0 when text begins with none. */
static size_t
scheme_len(const char *text)
{
	size_t len = 0;

	for (;; len++) {
		char c = text[len];
		char lower = (char)(c | 0x20);

		if (lower >= 'a' && lower <= 'z')
			continue;
		if (len == 0 ||
		    ((c < '0' || c > '9') && c != '+' && c != '.' && c != '-'))
			break;
	}
	return text[len] == ':' ? len : 0;
}

/* Whether a parameter's name, %XX undone, is one of a secret's. */
static bool
is_secret(const char *text, size_t len)
{
	static const char *const words[] = { "password", "passwd", "passphrase",
		"pwd", "token", "secret", "credential" };
	struct jobq_buf name = JOBQ_BUF_INIT;
	bool found = false;

	jobq_url_decode(&name, text, len);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		found = found || strcasestr(name.data, words[i]) != NULL;
	if (name.len >= 3 && strcasecmp(name.data + name.len - 3, "key") == 0)
		found = true;
	jobq_buf_release(&name);
	return found;
}

/* Fills err with a message about a URL, its secrets hidden. */
static enum jobq_status
bad_url(const char *text, const char *why, struct jobq_err *err)
{
	struct jobq_buf shown = JOBQ_BUF_INIT;

	jobq_url_redact(text, &shown);
	jobq_buf_reserve(&shown, 0);
	jobq_fail(err, JOBQ_CONFIG, "the URL '%s' %s", shown.data, why);
	jobq_buf_release(&shown);
	return JOBQ_CONFIG;
}

static const char percent[] =
    "has a '%' that is not followed by two hex digits; write a plain '%' as "
    "%25";

/* Adds one parameter; false when it has a bad %XX. */
static bool
add_parameter(struct jobq_url *url, const char *text, size_t len)
{
	struct jobq_parameter *parameter;
	struct jobq_buf name = JOBQ_BUF_INIT;
	struct jobq_buf value = JOBQ_BUF_INIT;
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals != NULL ? (size_t)(equals - text) : len;
	bool good = jobq_url_decode(&name, text, name_len);

	if (equals != NULL &&
	    !jobq_url_decode(&value, equals + 1, len - name_len - 1))
		good = false;
	url->parameter = jobq_grow(
	    url->parameter, url->count, &url->cap, sizeof(*url->parameter));
	parameter = &url->parameter[url->count++];
	parameter->name = jobq_buf_detach(&name);
	parameter->value = jobq_buf_detach(&value);
	parameter->taken = false;
	return good;
}

/*
 * The length of the parameter that begins here. A secret may hold a raw '&':
 * pieces without '=' behind it belong to it, as redaction has it too.
 */
static size_t
parameter_len(const char *text)
{
	size_t len = strcspn(text, "&");
	const char *equals = memchr(text, '=', len);

	if (equals == NULL || !is_secret(text, (size_t)(equals - text)))
		return len;
	while (text[len] == '&') {
		size_t piece = strcspn(text + len + 1, "&");

		if (memchr(text + len + 1, '=', piece) != NULL)
			break;
		len += piece + 1;
	}
	return len;
}

/* Where the last '@' of these bytes stands, or NULL. */
static const char *
last_at(const char *text, size_t len)
{
	return len > 0 ? memrchr(text, '@', len) : NULL;
}

/* HOST:PORT, or a list of them, before anything else. */
static bool
ends_in_port(const char *text, size_t len)
{
	const char *colon = memrchr(text, ':', len);
	size_t digits;

	if (colon == NULL)
		return false;
	digits = strspn(colon + 1, "0123456789");
	return digits > 0 && colon + 1 + digits == text + len;
}

/*
 * Where the credentials end, at their '@', or NULL when there are none; from
 * is what follows the scheme and "//".
 */
static const char *
credentials_end(const char *from)
{
	size_t reach = strcspn(from, "/?#");
	const char *at = last_at(from, reach);
	const char *query;

	if (at != NULL || memchr(from, ':', reach) == NULL)
		return at;
	query = strchr(from, '?');
	if (query != NULL && ends_in_port(from, reach) &&
	    last_at(from, (size_t)(query - from)) == NULL &&
	    strcspn(query, "=") < strcspn(query, "@"))
		return NULL;
	return last_at(from, strlen(from));
}

enum jobq_status
jobq_url_parse(struct jobq_url *url, const char *text, struct jobq_err *err)
{
	size_t len = scheme_len(text);
	const char *at = text + len + 1;
	const char *credentials;
	const char *rest;

	*url = (struct jobq_url){ .scheme = NULL };
	if (len == 0)
		return bad_url(text,
		    "does not begin with a scheme, as in "
		    "sqlite:/var/lib/jobq/jobq.db",
		    err);
	url->scheme = jobq_xstrndup(text, len);
	for (char *c = url->scheme; *c != '\0'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c | 0x20);
	}
	rest = at;
	credentials = credentials_end(at + (strncmp(at, "//", 2) == 0 ? 2 : 0));
	if (credentials != NULL)
		at = credentials;
	at += strcspn(at, "?");
	url->rest = jobq_xstrndup(rest, (size_t)(at - rest));
	while (*at != '\0') {
		at++;
		len = parameter_len(at);
		if (len > 0 && !add_parameter(url, at, len)) {
			jobq_url_release(url);
			return bad_url(text, percent, err);
		}
		at += len;
	}
	return JOBQ_OK;
}

void
jobq_url_release(struct jobq_url *url)
{
	for (size_t i = 0; i < url->count; i++) {
		free(url->parameter[i].name);
		free(url->parameter[i].value);
	}
	free(url->parameter);
	free(url->scheme);
	free(url->rest);
	*url = (struct jobq_url){ .scheme = NULL };
}

/* The last one wins, as with options; all of that name are taken. */
const char *
jobq_url_take(struct jobq_url *url, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < url->count; i++) {
		if (strcmp(url->parameter[i].name, name) == 0) {
			url->parameter[i].taken = true;
			value = url->parameter[i].value;
		}
	}
	return value;
}

const char *
jobq_url_left(const struct jobq_url *url)
{
	for (size_t i = 0; i < url->count; i++) {
		if (!url->parameter[i].taken)
			return url->parameter[i].name;
	}
	return NULL;
}

enum jobq_status
jobq_url_path(
    const struct jobq_url *url, struct jobq_buf *out, struct jobq_err *err)
{
	struct jobq_buf whole = JOBQ_BUF_INIT;

	if (jobq_url_decode(out, url->rest, strlen(url->rest)))
		return JOBQ_OK;
	jobq_buf_printf(&whole, "%s:%s", url->scheme, url->rest);
	bad_url(whole.data, percent, err);
	jobq_buf_release(&whole);
	return JOBQ_CONFIG;
}

/*
 * Adds what stands from the scheme to the end of the credentials, without
 * the password; returns what follows, the '@' included.
 */
static const char *
redact_credentials(const char *text, struct jobq_buf *out)
{
	size_t scheme = scheme_len(text);
	const char *from = text + (scheme > 0 ? scheme + 1 : 0);
	bool slashes = strncmp(from, "//", 2) == 0;
	const char *at;
	const char *colon;

	if (slashes)
		from += 2;
	at = credentials_end(from);
	if (at == NULL)
		at = from;
	colon = memchr(from, ':', (size_t)(at - from));
	if (!slashes && scheme > 0 && at > from)
		colon = from - 1;
	if (colon == NULL) {
		jobq_buf_add(out, text, (size_t)(at - text));
		return at;
	}
	jobq_buf_add(out, text, (size_t)(colon - text) + 1);
	if (colon + 1 < at)
		jobq_buf_puts(out, "***");
	return at;
}

void
jobq_url_redact(const char *text, struct jobq_buf *out)
{
	const char *at = redact_credentials(text, out);
	char divider = '\0';
	bool secret = false;

	for (;;) {
		size_t len = strcspn(at, "?&#; ");
		const char *equals = memchr(at, '=', len);
		size_t shown = len;

		if (equals != NULL) {
			secret = is_secret(at, (size_t)(equals - at));
			if (secret)
				shown = (size_t)(equals - at) + 1;
		}
		if (equals != NULL || !secret) {
			if (divider != '\0')
				jobq_buf_putc(out, divider);
			jobq_buf_add(out, at, shown);
			if (shown < len)
				jobq_buf_puts(out, "***");
		}
		at += len;
		if (*at == '\0')
			return;
		divider = *at++;
	}
}

bool
jobq_url_has_secret(const char *text)
{
	struct jobq_buf shown = JOBQ_BUF_INIT;
	bool differs;

	jobq_url_redact(text, &shown);
	differs = shown.data == NULL || strcmp(shown.data, text) != 0;
	jobq_buf_release(&shown);
	return differs;
}
