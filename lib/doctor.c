#include "doctor.h"

#include "clock.h"
#include "driver.h"
#include "page.h"
#include "store_load.h"
#include "url.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "banned.h"

/* Below this a store is close to being full. */
#define FREE_BYTES ((uint64_t)64 << 20)

/* A store's clock may differ by this much: leases are counted in seconds. */
#define SKEW_MS 1000

static void
tell(const struct jobq_doctor *doctor, const char *check, bool ok,
    struct jobq_buf *text)
{
	doctor->tell(
	    doctor->context, check, ok, text->len == 0 ? "" : text->data);
	jobq_buf_clear(text);
}

/* A file with this mode must be its owner's alone. */
static bool
check_mode(
    const struct jobq_doctor *doctor, const char *path, struct jobq_buf *text)
{
	struct stat st;

	if (stat(path, &st) != 0 || (st.st_mode & 0077) == 0)
		return true;
	jobq_buf_printf(text, "others can use '%s' (mode %04o): chmod go= '%s'",
	    path, (unsigned)st.st_mode & 07777, path);
	tell(doctor, "files", false, text);
	return false;
}

/* A settings file with a password in it must be its owner's alone. */
enum jobq_status
jobq_doctor_url(const struct jobq_doctor *doctor, const char *given, char **url,
    struct jobq_err *err)
{
	struct jobq_buf text = JOBQ_BUF_INIT;
	char *source = NULL;
	enum jobq_status status;
	bool secret;

	status = jobq_store_find_url(given, url, &source, err);
	if (status == JOBQ_OK) {
		jobq_url_redact(*url, &text);
		secret = strcmp(text.data, *url) != 0;
		jobq_buf_printf(&text, ", named by %s", source);
		tell(doctor, "store", true, &text);
		if (secret && *source == '/')
			check_mode(doctor, source, &text);
	}
	free(source);
	jobq_buf_release(&text);
	return status;
}

/* The store and what its library keeps beside it. */
static void
check_modes(
    const struct jobq_doctor *doctor, const char *path, struct jobq_buf *text)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal",
		".turn" };
	struct jobq_buf name = JOBQ_BUF_INIT;
	bool ok = true;

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		jobq_buf_clear(&name);
		jobq_buf_printf(&name, "%s%s", path, ends[i]);
		ok = check_mode(doctor, name.data, text) && ok;
	}
	if (ok) {
		jobq_buf_printf(
		    text, "'%s' and its files are their owner's alone", path);
		tell(doctor, "files", true, text);
	}
	jobq_buf_release(&name);
}

/* Who may write to the folder can put files in the place of the store's. */
static void
check_folder(
    const struct jobq_doctor *doctor, const char *folder, struct jobq_buf *text)
{
	struct stat st;
	bool ok;

	if (stat(folder, &st) != 0)
		return;
	ok = (st.st_mode & 0022) == 0;
	jobq_buf_printf(
	    text, "'%s' has mode %04o", folder, (unsigned)st.st_mode & 07777);
	if (!ok)
		jobq_buf_printf(text,
		    ", so that others can put files in it: chmod go-w '%s', "
		    "or move the store",
		    folder);
	tell(doctor, "folder", ok, text);
}

static void
check_space(
    const struct jobq_doctor *doctor, const char *folder, struct jobq_buf *text)
{
	struct statvfs fs;
	uint64_t bytes;
	bool ok;

	if (statvfs(folder, &fs) != 0)
		return;
	bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	ok = bytes >= FREE_BYTES && (fs.f_files == 0 || fs.f_favail > 0);
	jobq_buf_printf(text, "%llu MiB and %llu files are free in '%s'",
	    (unsigned long long)(bytes >> 20), (unsigned long long)fs.f_favail,
	    folder);
	if (!ok)
		jobq_buf_puts(
		    text, ": make room, or jobq-admin prune --older-than 1h");
	tell(doctor, "disk", ok, text);
}

void
jobq_doctor_files(const struct jobq_doctor *doctor, const char *given)
{
	struct jobq_url url = { NULL, NULL, NULL, 0, 0 };
	struct jobq_buf path = JOBQ_BUF_INIT;
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct stat st;
	char *slash;

	/* Behind "//" stands a server, not a path, as behind a socket. */
	if (jobq_url_parse(&url, given, NULL) == JOBQ_OK &&
	    jobq_url_path(&url, &path, NULL) == JOBQ_OK && path.len > 0 &&
	    strncmp(path.data, "//", 2) != 0 && stat(path.data, &st) == 0 &&
	    !S_ISSOCK(st.st_mode)) {
		check_modes(doctor, path.data, &text);
		slash = strrchr(path.data, '/');
		if (slash == NULL)
			jobq_buf_clear(&path);
		else
			slash[slash == path.data] = '\0';
		check_folder(doctor, *path.data ? path.data : ".", &text);
		check_space(doctor, *path.data ? path.data : ".", &text);
	}
	jobq_url_release(&url);
	jobq_buf_release(&path);
	jobq_buf_release(&text);
}

static void
tell_library(
    const struct jobq_doctor *doctor, const char *given, struct jobq_buf *text)
{
	struct jobq_url url = { NULL, NULL, NULL, 0, 0 };
	const struct jobq_driver *driver;
	const char *library = NULL;

	if (jobq_url_parse(&url, given, NULL) == JOBQ_OK &&
	    jobq_driver_load(url.scheme, &driver, NULL) == JOBQ_OK) {
		if (driver->library != NULL)
			library = driver->library();
		jobq_buf_printf(text, "%s%s%s", driver->scheme,
		    library == NULL ? "" : ", ",
		    library == NULL ? "" : library);
		tell(doctor, "driver", true, text);
	}
	jobq_url_release(&url);
}

void
jobq_doctor_driver(const struct jobq_doctor *doctor, const char *url,
    const struct jobq_adapter *adapter)
{
	static const char *const fencing[] = {
		[JOBQ_FENCING_EPOCH] = "endings are compared by epoch",
		[JOBQ_FENCING_OWNER] = "readers must tell stale endings",
		[JOBQ_FENCING_NONE] = "stale endings are accepted",
	};
	struct jobq_buf text = JOBQ_BUF_INIT;

	tell_library(doctor, url, &text);
	jobq_buf_printf(&text, "%s%s%s; %s; ", adapter->name,
	    adapter->folder == NULL ? "" : " in ",
	    adapter->folder == NULL ? "" : adapter->folder,
	    fencing[adapter->fencing]);
	if (adapter->renews)
		jobq_buf_printf(&text, "leases of %lld s are renewed",
		    (long long)(adapter->lease_ms / 1000));
	else
		jobq_buf_puts(&text, "leases are not renewed");
	tell(doctor, "adapter", true, &text);
	for (char **cannot = adapter->cannot; *cannot != NULL; cannot++) {
		jobq_buf_printf(&text, "cannot do %s", *cannot);
		tell(doctor, "adapter", true, &text);
	}
	jobq_buf_release(&text);
}

struct asking {
	const struct jobq_doctor *doctor;
	int64_t begun_ms;
	struct jobq_buf check;
	struct jobq_buf text;
};

/* Whether a time of the store's clock lies between ours before and after. */
static bool
check_clock(struct asking *asking, int64_t at_ms)
{
	int64_t now_ms = jobq_wall_ms();
	int64_t skew_ms = 0;

	if (at_ms < asking->begun_ms)
		skew_ms = at_ms - asking->begun_ms;
	else if (at_ms > now_ms)
		skew_ms = at_ms - now_ms;
	if (skew_ms >= -SKEW_MS && skew_ms <= SKEW_MS)
		return true;
	jobq_buf_printf(&asking->text,
	    "; they differ from this machine's by %.3f s: set both clocks by "
	    "the same time server",
	    (double)skew_ms / 1000);
	return false;
}

/* A finding of the store. */
static enum jobq_status
take_line(void *context, struct jobq_object *members, struct jobq_span line,
    struct jobq_err *err)
{
	struct asking *asking = context;
	struct jobq_span at = jobq_view_member(members, "at");
	bool ok = jobq_span_is(jobq_view_member(members, "ok"), "true");

	(void)line;
	(void)err;
	jobq_buf_clear(&asking->check);
	jobq_view_text(&asking->check, jobq_view_member(members, "check"));
	jobq_view_text(&asking->text, jobq_view_member(members, "text"));
	if (at.len > 0)
		ok = check_clock(asking, jobq_view_time_ms(at)) && ok;
	tell(asking->doctor, asking->check.data, ok, &asking->text);
	return JOBQ_OK;
}

enum jobq_status
jobq_doctor_store(const struct jobq_doctor *doctor, struct jobq_store *store,
    struct jobq_err *err)
{
	struct asking asking = { .doctor = doctor };
	struct jobq_pages pages = { store, JOBQ_VERB_CHECK, "{", "after", -1,
		JOBQ_BUF_INIT };
	enum jobq_status status;

	asking.begun_ms = jobq_wall_ms();
	if (!jobq_adapter_has(jobq_store_adapter(store), "check")) {
		doctor->tell(doctor->context, "checks", true,
		    "the store does not check itself");
		return JOBQ_OK;
	}
	status = jobq_pages_ask(&pages, take_line, &asking, err);
	jobq_pages_release(&pages);
	jobq_buf_release(&asking.check);
	jobq_buf_release(&asking.text);
	return status;
}
