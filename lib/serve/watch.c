/*
 * A watcher takes what its client is ready for, and no more. It begins with
 * pages of the store's log, however long that is and however slow the client:
 * only one page at a time is in memory. Where the last page ends the topic
 * goes on, whose ring holds what came since; from then on the watcher counts
 * the moments of the ring. When the ring has lost what it wanted next, it goes
 * back to the log; one who takes events and has fallen far behind is told of
 * the gap instead, and goes on with the oldest there is: it can ask again,
 * while who takes plain lines could not say where to begin.
 *
 * The output of a run comes in pieces as it goes, and whole with its end; the
 * last lines of it often only there. So lines are counted, and at the end
 * those that were not shown yet are.
 */
#include "watch.h"

#include "clock.h"
#include "mem.h"
#include "moment.h"
#include "request.h"
#include "routes.h"
#include "server.h"
#include "stop.h"
#include "task.h"
#include "topic.h"

#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define PAGE_LINES 64
#define PAGES_BYTES ((size_t)64 << 20) /* of all; over it pages are of one */
#define ASK_MS 10000
#define GAP_MOMENTS 4096 /* fewer that are lost are read from the log */

struct watcher {
	struct jobq_channel channel;
	struct jobq_topic_member member;
	struct jobq_server *server;
	struct jobq_topic *topic; /* NULL: the channel is gone */
	struct jobq_watch_wish wish;

	/* The page at hand, and the asking for the next. */
	struct jobq_pool_call call;
	struct jobq_lines lines;
	struct jobq_page_end end;
	bool asking, has_page, failed;

	int64_t cursor;
	int64_t taken, told; /* the last event, and that of the last id: */
	uint64_t number;     /* of the next moment, when live */
	bool live, ended, over, ticks;
	bool unsure; /* the cursor is what a client says, and no more */

	/* Of the run that is shown: how many lines of its output were. */
	int64_t epoch;
	size_t shown;
	bool said_done; /* the last line shown was DONE */

	struct jobq_buf
	    pending; /* lines not taken yet, each with its newline */
	size_t at;
};

/* --- what is shown -------------------------------------------------------- */

static void
show(struct watcher *watcher, const char *text, size_t len)
{
	jobq_buf_add(&watcher->pending, text, len);
	jobq_buf_putc(&watcher->pending, '\n');
	watcher->said_done = len == 4 && memcmp(text, "DONE", 4) == 0;
}

static void
show_word(struct watcher *watcher, const char *word)
{
	show(watcher, word, strlen(word));
}

/* The lines of a text behind the first skipped ones. */
static void
show_lines(struct watcher *watcher, const struct jobq_buf *buf, size_t skipped)
{
	struct jobq_span text = { buf->data, buf->len };
	struct jobq_span line;

	for (size_t i = 0; jobq_text_line(&text, &line); i++) {
		if (i < skipped)
			continue;
		show(watcher, line.at, line.len);
		watcher->shown++;
	}
}

static void
show_plain(struct watcher *watcher, const struct jobq_moment *moment)
{
	if (moment->epoch != watcher->epoch) {
		watcher->epoch = moment->epoch;
		watcher->shown = 0;
	}
	if (moment->kind == JOBQ_MOMENT_STARTED)
		show_word(watcher, "Starting...");
	else if (moment->kind == JOBQ_MOMENT_OUTPUT)
		show_lines(watcher, &moment->text, 0);
	else if (moment->kind >= JOBQ_MOMENT_ATTEMPT)
		show_lines(watcher, &moment->text, watcher->shown);
	if (moment->kind == JOBQ_MOMENT_DONE && !watcher->said_done) {
		show_word(watcher, "DONE");
	} else if (moment->kind == JOBQ_MOMENT_STOPPED) {
		show_word(watcher, "STOPPED");
	} else if (moment->kind == JOBQ_MOMENT_FAILED) {
		jobq_buf_puts(&watcher->pending, "FAILED: ");
		show(watcher, moment->why.data, moment->why.len);
	}
}

/* What the watcher has seen before is followed, and not shown again. */
static void
take(struct watcher *watcher, const struct jobq_moment *moment)
{
	if (moment->seq <= watcher->cursor)
		return;
	watcher->cursor = watcher->taken = moment->seq;
	watcher->unsure = false;
	if (moment->kind != JOBQ_MOMENT_OTHER)
		watcher->ended = moment->kind >= JOBQ_MOMENT_DONE;
	if (watcher->wish.json)
		show(watcher, moment->line.data, moment->line.len);
	else
		show_plain(watcher, moment);
	if (moment->seq <= watcher->wish.since)
		jobq_buf_clear(&watcher->pending);
}

static void
show_gap(struct watcher *watcher)
{
	const struct jobq_topic *topic = watcher->topic;

	jobq_buf_printf(&watcher->pending,
	    "{\"event\":\"gap\",\"gap\":true,\"id\":\"%s\",\"from\":%lld,"
	    "\"since\":%lld,\"until\":%lld}\n",
	    topic->id, (long long)watcher->cursor, (long long)watcher->cursor,
	    (long long)topic->base);
	watcher->server->dropped += topic->number - watcher->number;
	watcher->number = topic->number;
	watcher->cursor = topic->base;
}

/* --- where it comes from -------------------------------------------------- */

static void
free_watcher(struct watcher *watcher)
{
	jobq_pool_call_release(&watcher->call);
	jobq_buf_release(&watcher->pending);
	free(watcher);
}

static void
asked(struct jobq_pool_call *call)
{
	struct watcher *watcher = call->context;

	watcher->asking = false;
	if (watcher->topic == NULL) {
		free_watcher(watcher);
		return;
	}
	watcher->failed = call->status != JOBQ_OK;
	watcher->has_page = !watcher->failed;
	if (watcher->failed)
		jobq_pool_call_release(call);
	watcher->lines =
	    (struct jobq_lines){ call->answer.data, call->answer.len };
	watcher->end = (struct jobq_page_end){ 0 };
	watcher->server->page_bytes += call->answer.cap;
	jobq_channel_wake(&watcher->channel);
}

static void
end_page(struct watcher *watcher)
{
	if (watcher->call.answer.cap > 0)
		watcher->server->page_bytes -= watcher->call.answer.cap;
	jobq_pool_call_release(&watcher->call);
	watcher->has_page = false;
	if (watcher->unsure) {
		watcher->unsure = false;
		watcher->cursor = 0;
		return;
	}
	if (watcher->end.seen && watcher->end.after > watcher->cursor)
		watcher->cursor = watcher->end.after;
	if (!watcher->end.more && watcher->end.seen)
		jobq_topic_know(
		    watcher->server->topics, watcher->topic, watcher->cursor);
}

static void
ask(struct watcher *watcher)
{
	struct jobq_pool_call *call = &watcher->call;
	bool little = watcher->server->page_bytes > PAGES_BYTES;

	*call = (struct jobq_pool_call){
		.verb = JOBQ_VERB_EVENTS,
		.until_ms = jobq_mono_ms() + ASK_MS,
		.done = asked,
		.context = watcher,
	};
	jobq_buf_printf(&call->request,
	    "{\"ids\":[\"%s\"],\"since\":%lld,\"limit\":%d}",
	    watcher->topic->id, (long long)watcher->cursor,
	    little ? 1 : PAGE_LINES);
	watcher->asking = jobq_pool_put(watcher->server->pool, call);
	if (!watcher->asking) {
		jobq_pool_call_release(call);
		watcher->failed = true;
	}
}

/* Goes on with the page at hand; false when that has no more lines. */
static bool
take_of_page(struct watcher *watcher)
{
	struct jobq_moment moment = { 0 };
	struct jobq_event event = { 0 };
	struct jobq_span line;
	bool more = jobq_lines_next(&watcher->lines, &line);

	if (more && !jobq_page_end_read(line, &watcher->end) &&
	    jobq_moment_read(&moment, &event, line))
		take(watcher, &moment);
	jobq_moment_release(&moment);
	jobq_event_release(&event);
	return more;
}

/* Goes on with what the topic has; false when that is nothing now. */
static bool
take_of_topic(struct watcher *watcher)
{
	struct jobq_topic *topic = watcher->topic;
	const struct jobq_moment *moment;

	if (!watcher->live) {
		watcher->live = true;
		watcher->number = jobq_topic_number(topic, watcher->cursor);
	}
	if (watcher->number < topic->number) {
		if (watcher->wish.json &&
		    topic->number - watcher->number > GAP_MOMENTS)
			show_gap(watcher);
		else
			watcher->live = false;
		return true;
	}
	moment = jobq_topic_moment(topic, watcher->number);
	if (moment != NULL) {
		watcher->number++;
		take(watcher, moment);
		return true;
	}
	/* An end that something followed was none: the task began anew. */
	watcher->over = watcher->ended;
	return watcher->over;
}

/* Does a step; false when there is nothing to do until it is woken. */
static bool
advance(struct watcher *watcher)
{
	const struct jobq_topic *topic = watcher->topic;

	if (watcher->has_page) {
		if (!take_of_page(watcher))
			end_page(watcher);
		return true;
	}
	if (watcher->asking || watcher->failed)
		return false;
	if (watcher->live || (topic->known && !watcher->unsure &&
				 watcher->cursor >= topic->base))
		return take_of_topic(watcher);
	ask(watcher);
	return false;
}

/* --- the channel ---------------------------------------------------------- */

/* A carriage return, too, ends a line of a stream of events. */
static void
put_data(struct jobq_buf *out, const char *text, size_t len)
{
	jobq_buf_puts(out, "data: ");
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\r')
			jobq_buf_puts(out, "\ndata: ");
		else
			jobq_buf_putc(out, text[i]);
}

static void
give_line(struct watcher *watcher, struct jobq_buf *out)
{
	struct jobq_buf *pending = &watcher->pending;
	const char *line = pending->data + watcher->at;
	const char *end = memchr(line, '\n', pending->len - watcher->at);
	size_t len = (size_t)(end - line);

	watcher->at += len + 1;
	if (watcher->wish.websocket)
		jobq_buf_add(out, line, len);
	else
		put_data(out, line, len);
	if (watcher->wish.websocket && watcher->at < pending->len)
		return;
	/* Only with its last line a moment has been seen. */
	if (!watcher->wish.websocket && watcher->at == pending->len) {
		jobq_buf_printf(out, "\nid: %lld", (long long)watcher->cursor);
		watcher->told = watcher->cursor;
	}
	if (!watcher->wish.websocket)
		jobq_buf_puts(out, "\n\n");
	if (watcher->at == pending->len) {
		jobq_buf_release(pending);
		watcher->at = 0;
	}
}

/*
 * An end of which nothing was shown has an id, too: who comes back with it is
 * told that there is no more.
 */
static enum jobq_piece
give_end(struct watcher *watcher, struct jobq_buf *out)
{
	if (watcher->wish.websocket || watcher->taken <= watcher->told)
		return JOBQ_PIECE_END;
	watcher->told = watcher->taken;
	jobq_buf_printf(out, "id: %lld\n\n", (long long)watcher->taken);
	return JOBQ_PIECE;
}

static enum jobq_piece
next(void *context, struct jobq_buf *out)
{
	struct watcher *watcher = context;

	while (watcher->at == watcher->pending.len) {
		if (watcher->over)
			return give_end(watcher, out);
		if (advance(watcher))
			continue;
		if (!watcher->ticks)
			return JOBQ_PIECE_NONE;
		watcher->ticks = false;
		jobq_buf_puts(out, ":\n\n");
		return JOBQ_PIECE;
	}
	give_line(watcher, out);
	return JOBQ_PIECE;
}

static void
heard(void *context, const char *text, size_t len)
{
	struct watcher *watcher = context;
	struct jobq_span rest = { text, len }, word = { text, 0 };

	jobq_text_line(&rest, &word);
	if (word.len != 4 || memcmp(word.at, "STOP", 4) != 0)
		return;
	if (!watcher->server->options->read_only) {
		jobq_stops_add(watcher->server->stops, watcher->topic->id);
		return;
	}
	watcher->channel.code = 1008;
	watcher->channel.why = JOBQ_READ_ONLY;
	watcher->channel.closing = true;
	jobq_channel_wake(&watcher->channel);
}

static void
gone(void *context)
{
	struct watcher *watcher = context;

	watcher->server->watchers--;
	jobq_topic_leave(
	    watcher->server->topics, watcher->topic, &watcher->member);
	watcher->topic = NULL;
	if (watcher->has_page && watcher->call.answer.cap > 0)
		watcher->server->page_bytes -= watcher->call.answer.cap;
	if (!watcher->asking)
		free_watcher(watcher);
}

static const struct jobq_channel_kind kind = { next, heard, gone };

struct jobq_channel *
jobq_watch_new(struct jobq_server *server, const char *id,
    const struct jobq_watch_wish *wish)
{
	struct watcher *watcher = jobq_xcalloc(1, sizeof(*watcher));

	watcher->channel.kind = &kind;
	watcher->channel.context = watcher;
	watcher->server = server;
	watcher->wish = *wish;
	watcher->told = wish->since;
	watcher->epoch = INT64_MIN;
	/* Unless more follows in the log. */
	watcher->ended = wish->ended;
	/*
	 * To show what is left of a run, all of it is read. An event is asked
	 * for with what is behind it: a client may know one that the log does
	 * not have, and nobody is to wait for what comes behind that.
	 */
	watcher->unsure = wish->json && wish->since > 0;
	watcher->cursor = watcher->unsure ? wish->since - 1 : 0;
	watcher->member.channel = &watcher->channel;
	watcher->topic = jobq_topic_join(server->topics, id, &watcher->member);
	server->watchers++;
	return &watcher->channel;
}

void
jobq_watch_tick(struct jobq_server *server, bool sign)
{
	for (struct jobq_channel *channel = server->channels; channel != NULL;
	     channel = channel->next) {
		struct watcher *watcher = channel->context;

		if (channel->kind != &kind)
			continue;
		/* A store that was away is asked again. */
		if (!watcher->failed && !sign)
			continue;
		watcher->failed = false;
		watcher->ticks = sign && !channel->websocket;
		jobq_channel_wake(channel);
	}
}
