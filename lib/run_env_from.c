#include "run_env_from.h"

#include <string.h>

#include "banned.h"

#define SHOWN_MAX ((size_t)80) /* bytes of a name that is refused */

/*
 * A '*' at the beginning or end stands for anything. The dynamic linker and
 * the C library; shells; what programs start by themselves; interpreters;
 * where trust and traffic go; jobq and its supervisor.
 */
static const char *const refused[] = { "LD_*", "DYLD_*", "GLIBC_*", "MALLOC_*",
	"GCONV_*", "LOCPATH", "NLSPATH", "HOSTALIASES", "LOCALDOMAIN", "TZDIR",
	"TERMINFO*", "TERMCAP", "*PRELOAD*",

	"PATH", "HOME", "SHELL", "IFS", "ENV", "PS4", "CDPATH", "FPATH",
	"ZDOTDIR", "GLOBIGNORE", "BASH*", "PROMPT_COMMAND", "INPUTRC",

	"EDITOR", "VISUAL", "PAGER", "BROWSER", "*_EDITOR", "*_PAGER",
	"MANPAGER", "*_ASKPASS", "LESS*", "GIT_*", "SSH_*", "SUDO_*",
	"DOCKER_*", "MAKEFLAGS", "MFLAGS", "MAKEFILES", "XDG_*", "*OPTIONS",
	"*OPTS", "*_OPT", "GZIP", "BZIP*", "XZ_DEFAULTS", "WGETRC", "NETRC",

	"PYTHON*", "PERL*", "RUBY*", "GEM_*", "BUNDLE_*", "NODE_*", "NPM_*",
	"JAVA*", "_JAVA*", "JDK_*", "CLASSPATH", "LUA*", "PHP*", "R_*", "TCL*",
	"GUILE_*", "EMACS*", "VIM*",

	"OPENSSL_*", "SSL_*", "CURL_*", "*_CA_BUNDLE", "*_PROXY",

	"JOBQ_*", "TRACEPARENT", "NOTIFY_SOCKET", "WATCHDOG_*", "LISTEN_*",
	"CREDENTIALS_DIRECTORY" };

void
jobq_env_from_release(struct jobq_env_from *from)
{
	jobq_buf_release(&from->text);
}

static bool
matches(const char *name, size_t len, const char *pattern)
{
	size_t part = strlen(pattern);
	bool before = pattern[0] == '*';
	bool behind = pattern[part - 1] == '*';

	pattern += before;
	part -= (size_t)before + behind;
	if (len < part)
		return false;
	if (before && behind)
		return memmem(name, len, pattern, part) != NULL;
	if (before)
		name += len - part;
	return (before || behind || len == part) &&
	       memcmp(name, pattern, part) == 0;
}

static bool
is_name(const char *name, size_t len)
{
	bool good = len > 0 && !(name[0] >= '0' && name[0] <= '9');

	for (size_t i = 0; i < len; i++)
		good = good && ((name[i] >= 'A' && name[i] <= 'Z') ||
				   (name[i] >= '0' && name[i] <= '9') ||
				   name[i] == '_');
	return good;
}

static enum jobq_status
refuse(const char *name, size_t len, const char *why, struct jobq_err *err)
{
	struct jobq_buf shown = JOBQ_BUF_INIT;

	jobq_buf_puts(&shown, "");
	jobq_buf_escape(&shown, name, len < SHOWN_MAX ? len : SHOWN_MAX);
	jobq_fail(err, JOBQ_INVALID,
	    "bad_env: the job cannot set the variable '%s': %s", shown.data,
	    why);
	jobq_buf_release(&shown);
	return JOBQ_INVALID;
}

/* A key as it stands in the text is compared; one with escapes is no name. */
static enum jobq_status
check_name(struct jobq_span key, struct jobq_err *err)
{
	if (!is_name(key.at, key.len))
		return refuse(key.at, key.len,
		    "a name is of A to Z, 0 to 9 and '_' and does not begin "
		    "with a digit",
		    err);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (matches(key.at, key.len, refused[i]))
			return refuse(key.at, key.len,
			    "it decides how programs run, or is jobq's own",
			    err);
	return JOBQ_OK;
}

static size_t
find(const struct jobq_env_from *from, const char *name, size_t len)
{
	size_t i = 0;

	for (; i < from->count; i++) {
		const char *entry = from->text.data + from->at[i];

		if (strncmp(entry, name, len) == 0 &&
		    (entry[len] == '=' || entry[len] == '\0'))
			break;
	}
	return i;
}

bool
jobq_env_from_has(const struct jobq_env_from *from, const char *entry)
{
	return from->count > 0 &&
	       find(from, entry, strcspn(entry, "=")) < from->count;
}

/* Adds a variable; of several of one name the last one counts, as in jq. */
static enum jobq_status
add(struct jobq_env_from *from, struct jobq_member member, struct jobq_err *err)
{
	struct jobq_span key = member.key;
	struct jobq_span value = member.value;
	enum jobq_status status = check_name(key, err);
	size_t i = find(from, key.at, key.len);

	if (status != JOBQ_OK)
		return status;
	if (value.at[0] == '{' || value.at[0] == '[')
		return refuse(
		    key.at, key.len, "its value is an object or an array", err);
	if (i == JOBQ_ENV_FROM_MAX)
		return refuse(key.at, key.len,
		    "it is the 1001st, and 1000 are the most", err);
	from->at[i] = from->text.len;
	if (i == from->count)
		from->count++;
	jobq_buf_add(&from->text, key.at, key.len);
	if (value.at[0] != 'n')
		jobq_buf_putc(&from->text, '=');
	if (value.at[0] == '"' &&
	    jobq_json_string(value, &from->text, err) != JOBQ_OK)
		return refuse(key.at, key.len,
		    "its value holds a NUL or a lone surrogate", err);
	if (value.at[0] != '"' && value.at[0] != 'n')
		jobq_buf_add(&from->text, value.at, value.len);
	jobq_buf_putc(&from->text, '\0');
	return JOBQ_OK;
}

enum jobq_status
jobq_env_from_take(struct jobq_env_from *from, const char *path,
    const struct jobq_job *job, struct jobq_err *err)
{
	enum jobq_status status = JOBQ_OK;
	struct jobq_span object;
	struct jobq_member member;
	size_t cursor = 0;

	from->count = 0;
	jobq_buf_clear(&from->text);
	path += path[0] == '.';
	if (!jobq_json_path(&job->members, path, strlen(path), &object) ||
	    jobq_span_is(object, "null"))
		return JOBQ_OK;
	if (object.at[0] != '{')
		return jobq_fail(err, JOBQ_INVALID,
		    "bad_env: the job's .%s is no object of variables", path);
	while (status == JOBQ_OK && jobq_json_member(object, &cursor, &member))
		status = add(from, member, err);
	return status;
}
