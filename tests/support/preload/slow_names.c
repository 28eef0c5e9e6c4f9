/*
 * Names as a poor network has them, by LD_PRELOAD: the host "nowhere.test" is
 * unknown, and asking for "slow.test" takes a minute.
 */
#include <sys/socket.h>
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

__attribute__((visibility("default"))) int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
    struct addrinfo **found)
{
	int (*real)(const char *, const char *, const struct addrinfo *,
	    struct addrinfo **);

	if (name != NULL && strcmp(name, "slow.test") == 0)
		sleep(60);
	if (name != NULL && strstr(name, ".test") != NULL)
		return EAI_NONAME;
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(name, service, hints, found);
}
