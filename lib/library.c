#include "library.h"

#include <dlfcn.h>
#include <string.h>

#include "banned.h"

enum jobq_status
jobq_library_load(const char *file, const char *package,
    const struct jobq_symbol *symbols, struct jobq_err *err)
{
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	if (library == NULL)
		return jobq_fail(err, JOBQ_CONFIG,
		    "unable to load a library: %s; install %s (or the package "
		    "that has %s)",
		    dlerror(), package, file);
	for (; symbols->name != NULL; symbols++) {
		void *found = dlsym(library, symbols->name);

		if (found == NULL)
			return jobq_fail(err, JOBQ_CONFIG,
			    "'%s' is too old: it has no %s", file,
			    symbols->name);
		/* ISO C knows no conversion between the two. */
		memcpy(symbols->to, &found, sizeof found);
	}
	return JOBQ_OK;
}
