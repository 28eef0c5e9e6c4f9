# jobq: build, test, install.
#
#   make [all]       commands, drivers and unit tests, under build/
#   make deps        install what building and testing need (Debian, Ubuntu)
#   make check       all tests; T=claim one file, T=claim.bats/WORD some cases
#   make check-full  the long tests; check STORE=sqlite: all of that suite
#   make chaos       kills and pauses, long; SEED=N repeats a run
#   make lint bench coverage fuzz completions demo install uninstall clean
#
# Knobs: CFLAGS CC PREFIX DESTDIR, V=1 (show commands), WERROR=1,
# SAN=address,undefined (builds under build/san/), STATIC=1 (drivers linked
# into the commands; without PostgreSQL, HTTP and Kafka), WITH_SQLITE=auto|yes|no,
# and WITH_POSTGRESQL, WITH_REDIS, WITH_HTTP and WITH_KAFKA alike; WITH_SERVE=no
# leaves jobq-serve out.
#
# Sources are found by wildcard:
#   cmd/NAME.c                one command
#   lib/*.c lib/serve/*.c     libjobq.a
#   lib/driver/SCHEME.c       one driver, with lib/driver/SCHEME_*.c if any
#   tests/unit/NAME.c         one unit test, linked with tests/support/unit.c
#   tests/support/tool/*.c    programs of the tests   -> build/support/NAME
#   tests/support/preload/*.c for LD_PRELOAD          -> build/support/NAME.so
#   tests/bench/*.c           programs of the bench   -> build/bench/NAME
PREFIX ?= /usr/local
CFLAGS ?= -O2 -g
V ?= 0
$(foreach s,SQLITE POSTGRESQL REDIS HTTP KAFKA,$(eval WITH_$(s) ?= auto))

ifeq ($(filter -j% --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

# The packages come first: make starts again once they are there, so that
# "make deps check" works on a machine that had nothing but make.
ifneq ($(filter deps,$(MAKECMDGOALS)),)
ifeq ($(MAKE_RESTARTS)$(findstring n,$(firstword -$(MAKEFLAGS))),)
include build/deps.mk
build/deps.mk: FORCE
	@.ci/deps
	@mkdir -p build && : >$@
endif
endif

# --- flags -------------------------------------------------------------------
B := build
# Debian has libpq's headers in a folder of their own.
libpq := $(addprefix -idirafter ,$(shell pg_config --includedir 2>/dev/null))
ours := -std=c17 -D_GNU_SOURCE -fPIC -fno-common -Ilib -Wall -Wextra -Wshadow \
	-Wconversion -Wmissing-prototypes $(libpq)
ld := -Wl,--as-needed,-z,relro,-z,now,-z,noexecstack,--hash-style=gnu
ifdef SAN
comma := ,
B := build/san/$(subst $(comma),-,$(SAN))
ours += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
else
ours += -fstack-protector-strong -fstack-clash-protection
ifneq ($(filter -O1 -O2 -O3 -Os,$(CFLAGS)),)
ours += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
endif
ifdef COVERAGE
B := build/coverage
ours += --coverage
endif
ifdef STATIC
B := $(B)/static
ours += -ffunction-sections -fdata-sections
ld += -Wl,--gc-sections
endif
ours += $(if $(WERROR),-Werror)
Q := $(if $(filter 1,$(V)),,@)
say := @$(if $(findstring s,$(firstword -$(MAKEFLAGS)))$(filter 1,$(V)),:, \
	printf '  %-8s %s\n')
hidden := -fvisibility=hidden
compile = $(CC) $(CPPFLAGS) $(CFLAGS) $(ours) $(hidden) -MMD -MP -c -o $@ $<
link = $(CC) $(CFLAGS) $(ours) -o $@ $(filter %.o,$^) $(filter %.a,$^) \
	$(LDFLAGS) $(ld) $(1)

# --- libraries of the drivers -----------------------------------------------
# Of a driver's library: its header, linking, and that if it fails. Some are
# not with STATIC=1: what libpq.a needs no package has, others need too much.
header_sqlite := sqlite3.h
link_sqlite := -l:libsqlite3.a -lm
else_sqlite := -lsqlite3
header_postgresql := libpq-fe.h
link_postgresql := -lpq
header_redis := hiredis/hiredis.h
link_redis := -l:libhiredis.a
else_redis := -lhiredis
header_http := curl/curl.h
link_http := -lcurl
header_kafka := librdkafka/rdkafka.h
link_kafka := -lrdkafka
upper = $(shell echo $(1) | tr a-z A-Z)
with = $(if $(and $(STATIC),$(filter $(1),postgresql http kafka)),no,$(WITH_$(upper)))
found = $(shell $(CC) $(CPPFLAGS) $(libpq) -E -include $(1) -x c \
	-o /dev/null /dev/null 2>/dev/null && echo yes)
wanted = $(strip $(if $(header_$(1)), \
	$(if $(filter no,$(call with,$(1))),, \
	$(if $(filter yes,$(call with,$(1)) $(call found,$(header_$(1)))),$(1))), \
	$(1)))
names = $(notdir $(basename $(wildcard $(1)/*.c)))
schemes := $(foreach s,$(call names,lib/driver), \
	$(if $(findstring _,$(s)),,$(call wanted,$(s))))

# --- what is made ------------------------------------------------------------
serve := $(if $(filter no,$(WITH_SERVE)),,$(call found,libwebsockets.h))
commands := $(filter-out $(if $(serve),,jobq-serve),$(call names,cmd))
units := $(filter-out $(if $(serve),,serve_%),$(call names,tests/unit))
tools := $(filter-out $(if $(call found,librdkafka/rdkafka.h),,kafka-%), \
	$(call names,tests/support/tool))
preloads := $(call names,tests/support/preload)
benches := $(filter-out $(if $(call found,libpq-fe.h),,pg%) \
	$(if $(call found,hiredis/hiredis.h),,redis%) $(if $(serve),,hello) $(if \
	$(call found,librdkafka/rdkafka.h),,kafka%),$(call names,tests/bench))
pages := $(wildcard man/*.[1-8])

lib_objects := $(patsubst %.c,$(B)/%.o,$(wildcard lib/*.c \
	$(if $(serve),lib/serve/*.c)))
bins := $(commands:%=$(B)/bin/%)
driver_sources = $(wildcard lib/driver/$(1).c lib/driver/$(1)_*.c)
driver_objects = $(patsubst %.c,$(B)/%.o,$(call driver_sources,$(1)))
drivers := $(if $(STATIC),,$(schemes:%=$(B)/drivers/%.so))
test_bins := $(units:%=$(B)/unit/%) $(tools:%=$(B)/support/%) \
	$(preloads:%=$(B)/support/%.so) $(benches:%=$(B)/bench/%)

all: $(bins) $(drivers) $(test_bins) $(B)/share

# Objects depend on the flags they were made with.
$(B)/flags $(B)/share: | $(filter clean,$(MAKECMDGOALS))
$(B)/flags: FORCE
	@mkdir -p $(@D); new=$@.$$$$; \
	echo '$(CC) $(CPPFLAGS) $(CFLAGS) $(ours) $(LDFLAGS) $(ld)' >$$new; \
	cmp -s $$new $@ && rm $$new || mv $$new $@

$(B)/lib/driver/%.o: hidden :=
$(B)/tests/%.o: ours += -Itests/support
$(B)/%.o: %.c $(B)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(compile)

$(B)/libjobq.a: $(lib_objects)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# program: folder under build, folder of its source, further objects
define program
$(B)/$(1)/%: $(B)/$(2)/%.o $(3) $(B)/libjobq.a
	$$(say) LD $$@
	@mkdir -p $$(@D)
	$$(Q)$$(call link,-pie $$(static_libs) -l:libmd.a)
endef
$(eval $(call program,bin,cmd))
$(eval $(call program,unit,tests/unit,$(B)/tests/support/unit.o))
$(eval $(call program,support,tests/support/tool))
$(eval $(call program,bench,tests/bench))
$(B)/bin/jobq-serve $(B)/bench/hello: static_libs += -lwebsockets
$(B)/support/kafka-%: LDFLAGS += -lrdkafka
$(B)/bench/pg%: LDFLAGS += -lpq
$(B)/bench/redis%: LDFLAGS += -lhiredis
$(B)/bench/kafka%: LDFLAGS += -lrdkafka
$(B)/bench/post: static_libs += $(if $(call found,curl/curl.h),-lcurl)

$(B)/support/%.so: tests/support/preload/%.c $(B)/flags
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -std=c17 -D_GNU_SOURCE -fPIC -shared -Wall -o $@ $<

# One exported symbol: the version script hides the rest, and that is also
# what lets Debian's static libsqlite3.a, not compiled for it, be linked here.
export := -shared -Wl,--version-script=lib/driver/exports
.SECONDEXPANSION:
$(B)/drivers/%.so: $$(call driver_objects,$$*) $(B)/libjobq.a lib/driver/exports
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(call link,$(export) $(link_$*) -l:libmd.a) 2>$@.err || \
	    $(call link,$(export) $(else_$*) -l:libmd.a) || \
	    { cat $@.err >&2; exit 1; }; rm -f $@.err

# A folder of drivers, be it empty, is what tells a build from a PREFIX.
$(B)/share:
	@mkdir -p $(B)/drivers && ln -sfn $(CURDIR)/share $@

# STATIC=1: each driver's jobq_driver gets the scheme's name, and a table of
# them all is what store_load.c finds in place of the weak symbol.
# Unit tests get none: what they put in the library's place, a driver needs.
ifdef STATIC
static_libs = $(foreach s,$(schemes),$(link_$(s)))
$(bins) $(tools:%=$(B)/support/%): $(schemes:%=$(B)/static_%.o) $(B)/builtin.o

$(B)/static_%.o: $$(call driver_objects,$$*)
	$(Q)$(LD) -r -o $@.all $^
	$(Q)objcopy --redefine-sym jobq_driver=jobq_driver_$* $@.all $@
	@rm -f $@.all

$(B)/builtin.c: $(B)/flags
	@{ echo '#include "driver.h"'; for s in $(schemes); do \
		echo "extern const struct jobq_driver jobq_driver_$$s;"; done; \
	echo 'extern const struct jobq_driver *const jobq_builtin_drivers[];' \
	    'const struct jobq_driver *const jobq_builtin_drivers[] = {' \
	    '$(schemes:%=&jobq_driver_%,) (void *)0 };'; } >$@

$(B)/builtin.o: $(B)/builtin.c
	$(Q)$(compile)
endif

# --- tests -------------------------------------------------------------------
export JOBQ_BUILD := $(abspath $(B))
check: all; @tests/run $(STORE:%=--store '%') $(if $(T),'$(T)')
check-full: all; @tests/run --full $(if $(T),'$(T)')
chaos: all; @tests/chaos/run $(SEED)
bench: all; @tests/bench/run
demo: all; @share/demo/run
lint: ; @.ci/lint
fuzz: ; @tests/fuzz/run
coverage: ; @$(MAKE) --no-print-directory COVERAGE=1 CFLAGS='-O0 -g' check && \
	.ci/coverage build/coverage
completions: $(bins); @completions/generate $(B)/bin completions

# --- install -----------------------------------------------------------------
to := $(DESTDIR)$(PREFIX)
others := $(filter-out jobq,$(commands))
install: all
	install -d $(to)/bin $(to)/lib/jobq $(to)/share/jobq
	install -m 755 $(bins) $(to)/bin
	$(if $(drivers),install -m 644 $(drivers) $(to)/lib/jobq)
	tar cf - -C share --exclude=__pycache__ --mode=u=rwX,go=rX . | \
		tar xpf - --no-same-owner -C $(to)/share/jobq
	for page in $(pages); do install -D -m 644 $$page \
		$(to)/share/man/man$${page##*.}/$${page##*/} || exit 1; done
	.ci/place-completions install $(to)/share jobq $(others)

uninstall:
	rm -f $(commands:%=$(to)/bin/%)
	rm -rf $(to)/lib/jobq $(to)/share/jobq
	for page in $(pages); do \
		rm -f $(to)/share/man/man$${page##*.}/$${page##*/}; done
	.ci/place-completions remove $(to)/share jobq $(others)

clean: ; rm -rf build
deps FORCE: ;@:
.PHONY: all deps check check-full chaos lint bench install uninstall clean \
	demo coverage fuzz completions FORCE
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
