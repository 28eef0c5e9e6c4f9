#include "doctor.h"

#include "buf.h"
#include "place.h"
#include "url.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "banned.h"

/* Variables that a command reads, and whose values are no secrets. */
static const char *const variables[] = { "JOBQ_LOG_LEVEL", "JOBQ_LOG_FORMAT",
	"JOBQ_LOG_FILE", "JOBQ_LOG_NAME", "JOBQ_LOG_ROTATE", "JOBQ_LOG_KEEP",
	"JOBQ_COLOR", "JOBQ_ADAPTER_PATH", "JOBQ_TOKEN_FILE" };

static void
tell(const struct jobq_doctor *doctor, const char *check, bool ok,
    struct jobq_buf *text)
{
	doctor->tell(
	    doctor->context, check, ok, text->len == 0 ? "" : text->data);
	jobq_buf_clear(text);
}

static bool
is_known(const char *setting, size_t len)
{
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		if (strlen(variables[i]) == len &&
		    strncmp(variables[i], setting, len) == 0)
			return true;
	return false;
}

/* setting is NAME=VALUE, as in the environment. */
static void
tell_variable(const struct jobq_doctor *doctor, const char *setting,
    struct jobq_buf *text)
{
	size_t len = strcspn(setting, "=");

	jobq_buf_add(text, setting, len);
	if (strncmp(setting, "JOBQ_URL=", 9) == 0) {
		jobq_buf_puts(text, " is ");
		jobq_url_redact(setting + 9, text);
	} else if (is_known(setting, len)) {
		jobq_buf_printf(text, " is '%s'", setting + len + 1);
	} else {
		jobq_buf_puts(text, " is set, but is no setting of jobq");
	}
	jobq_buf_puts(text, " (environment)");
	tell(doctor, "setting", true, text);
}

void
jobq_doctor_settings(const struct jobq_doctor *doctor)
{
	struct jobq_buf text = JOBQ_BUF_INIT;

	for (char **setting = environ; *setting != NULL; setting++)
		if (strncmp(*setting, "JOBQ_", 5) == 0)
			tell_variable(doctor, *setting, &text);
	jobq_buf_release(&text);
}

/* Finds the program that a shell would run; false when there is none. */
static bool
find_on_path(const char *name, struct jobq_buf *out, struct stat *st)
{
	const char *path = getenv("PATH");

	while (path != NULL && *path != '\0') {
		size_t len = strcspn(path, ":");

		jobq_buf_clear(out);
		jobq_buf_add(out, len == 0 ? "." : path, len == 0 ? 1 : len);
		jobq_buf_printf(out, "/%s", name);
		if (access(out->data, X_OK) == 0 && stat(out->data, st) == 0 &&
		    S_ISREG(st->st_mode))
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

struct around {
	const struct jobq_doctor *doctor;
	const char *folder; /* of this build's commands */
	size_t count;	    /* of those on PATH that are this build's */
	struct jobq_buf missing;
	struct jobq_buf found;
	struct jobq_buf text;
};

static void
look_for(struct around *around, const char *name)
{
	struct stat on_path, ours;
	bool found = find_on_path(name, &around->found, &on_path);

	jobq_buf_clear(&around->text);
	jobq_buf_printf(&around->text, "%s/%s", around->folder, name);
	if (stat(around->text.data, &ours) != 0 || !S_ISREG(ours.st_mode))
		return;
	if (!found) {
		jobq_buf_printf(&around->missing, " %s", name);
	} else if (on_path.st_dev == ours.st_dev &&
		   on_path.st_ino == ours.st_ino) {
		around->count++;
	} else {
		jobq_buf_clear(&around->text);
		jobq_buf_printf(&around->text,
		    "%s on PATH is '%s', not the one in '%s': put that folder "
		    "first, or remove the other",
		    name, around->found.data, around->folder);
		tell(around->doctor, "commands", false, &around->text);
	}
}

static int
is_command(const struct dirent *entry)
{
	return strcmp(entry->d_name, "jobq") == 0 ||
	       strncmp(entry->d_name, "jobq-", 5) == 0;
}

void
jobq_doctor_commands(const struct jobq_doctor *doctor)
{
	struct around around = { .doctor = doctor };
	struct jobq_buf folder = JOBQ_BUF_INIT;
	struct dirent **entry = NULL;
	int count = -1;

	if (jobq_place_commands(&folder, NULL) == JOBQ_OK) {
		around.folder = folder.data;
		count = scandir(folder.data, &entry, is_command, alphasort);
	}
	for (int i = 0; i < count; i++) {
		look_for(&around, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	jobq_buf_clear(&around.text);
	if (around.missing.len > 0) {
		jobq_buf_printf(&around.text, "not on PATH:%s; add '%s' to it",
		    around.missing.data, folder.data);
		tell(doctor, "commands", false, &around.text);
	}
	if (around.count > 0) {
		jobq_buf_printf(&around.text,
		    "%zu commands on PATH are those of '%s'", around.count,
		    folder.data);
		tell(doctor, "commands", true, &around.text);
	}
	jobq_buf_release(&folder);
	jobq_buf_release(&around.missing);
	jobq_buf_release(&around.found);
	jobq_buf_release(&around.text);
}
