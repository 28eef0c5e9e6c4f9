/*
 * --version asks every driver it finds for the version of its library, the
 * only time that drivers are loaded which no URL has named.
 */
#include "command_help.h"

#include "driver.h"
#include "json.h"
#include "place.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

/* Where drivers are linked in (make STATIC=1), the NULL-terminated table. */
extern const struct jobq_driver *const jobq_builtin_drivers[]
    __attribute__((weak));

static void
put_driver(struct jobq_buf *out, bool json, const struct jobq_driver *driver)
{
	const char *library = driver->library ? driver->library() : NULL;

	if (!json) {
		jobq_buf_printf(out, "driver %s%s%s\n", driver->scheme,
		    library ? ": " : "", library ? library : "");
		return;
	}
	if (out->data[out->len - 1] == '}')
		jobq_buf_putc(out, ',');
	jobq_buf_puts(out, "{\"scheme\":");
	jobq_json_put_string(out, driver->scheme, strlen(driver->scheme));
	if (library) {
		jobq_buf_puts(out, ",\"library\":");
		jobq_json_put_string(out, library, strlen(library));
	}
	jobq_buf_putc(out, '}');
}

static int
is_driver(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 3 && !strcmp(entry->d_name + len - 3, ".so");
}

static void
put_file(struct jobq_buf *out, bool json, const char *folder, const char *name)
{
	struct jobq_buf path = JOBQ_BUF_INIT;

	jobq_buf_printf(&path, "%s/%s", folder, name);
	void *object = dlopen(path.data, RTLD_NOW | RTLD_LOCAL);
	const struct jobq_driver *driver =
	    object ? dlsym(object, "jobq_driver") : NULL;
	if (driver && driver->abi == JOBQ_DRIVER_ABI)
		put_driver(out, json, driver);
	jobq_buf_release(&path);
}

static void
put_folder(struct jobq_buf *out, bool json)
{
	struct jobq_buf folder = JOBQ_BUF_INIT;
	struct dirent **entry = NULL;
	int count = 0;

	if (!jobq_place_drivers(&folder, NULL))
		count = scandir(folder.data, &entry, is_driver, alphasort);
	for (int i = 0; i < count; i++) {
		put_file(out, json, folder.data, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	jobq_buf_release(&folder);
}

void
jobq_command_version(
    const struct jobq_command *command, bool json, struct jobq_buf *out)
{
	if (json)
		jobq_buf_printf(out,
		    "{\"name\":\"%s\",\"version\":\"%s\",\"drivers\":[",
		    command->name, JOBQ_VERSION);
	else
		jobq_buf_printf(out, "%s %s\n", command->name, JOBQ_VERSION);
	if (jobq_builtin_drivers)
		for (const struct jobq_driver *const *d = jobq_builtin_drivers;
		     *d; d++)
			put_driver(out, json, *d);
	else
		put_folder(out, json);
	if (json)
		jobq_buf_puts(out, "]}\n");
}
