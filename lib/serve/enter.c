/*
 * What becomes of a connection whose first head has come: a request goes to
 * the library as it is; who wants a WebSocket is checked before it gets one,
 * for afterwards there is no status to refuse it with.
 */
#include "server.h"

#include "answer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "banned.h"

static void
refuse(struct jobq_server *server, struct jobq_arrival *arrival, int status,
    const char *why)
{
	struct jobq_buf answer = JOBQ_BUF_INIT;

	jobq_answer_problem(&answer, status, NULL, why, strlen(why));
	jobq_gate_refuse(server->gate, arrival, &answer);
	jobq_buf_release(&answer);
}

void
jobq_server_arrived(void *context, struct jobq_arrival *arrival)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct jobq_server *server = context;
	const struct jobq_head *head = &arrival->head;

	if (head->websocket) {
		refuse(server, arrival, 404, "there is no WebSocket here");
		return;
	}
	if (head->upgrade_name.at != NULL) {
		refuse(server, arrival, 501,
		    "only WebSocket can be upgraded to; HTTP/2 is not spoken");
		return;
	}
	if (head->expects &&
	    send(arrival->fd, go_on, sizeof(go_on) - 1,
		MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
	    errno != EAGAIN)
		refuse(server, arrival, 400, "the connection is gone");
	else
		jobq_web_admit(server, arrival, NULL);
}
