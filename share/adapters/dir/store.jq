# $old is the head and the jobs as they were; out come the new ones behind "=",
# when anything has changed, and the lines of the answer behind "-". A job is
# what push was asked for and what became of it since; its line is a string
# here, so that no number in it is ever read. Each verb is a function.
. as $req | (now * 1e6 | floor) as $noise | ($noise / 1000 | floor) as $now |
def time: "\(. / 1000 | floor | todate[:-1]).\(. % 1000 + 1000 | tostring[1:])Z";
def line($more): "-\(.line),\"attempt\":\(.attempt),\"run_at\":\"\(.run | time
	)\",\"state\":\"\(.state)\"\($more)}";
def finished: .state | IN("completed", "cancelled", "failed");
def holds($epoch; $worker):
	.state == "running" and .epoch == $epoch and .worker == $worker;
def wanted: (.queue as $queue | $req.queues // [] | . == [] or index($queue))
	and .flow == ($req.flow // .flow);
# An answer is at most 4 MiB, but never less than one job.
def page: reduce .[] as $job ([0]; .[0] += ($job.line | utf8bytelength)
	| if .[0] > 4194304 and length > 1 then . else . + [$job] end) | .[1:];
def become($state; $reason; $back): .state = $state | .reason = $reason
	| .attempt -= $back | .ended = $now | .cancel = null;

# A lease that ran out before the start is no rescue; the fourth rescue fails.
# What was finished long enough ago is forgotten.
def lapse:
	if .state == "running" and .until < $now then .settled = null
	| if .cancel then become("cancelled"; .cancel; 0)
	elif .started == 0 or .rescues < 3
	then .rescues += .started | become("pending"; "lost"; 1)
	else .error = "crashed 4 times" | become("failed"; "crash"; 0) end
	elif .state == "pending" and (.expires_at_ms // infinite) <= $now
	then become("cancelled"; "expired"; 0)
	elif finished and .ended < $now
		- (if .state == "failed" then 604800000 else 86400000 end)
	then empty else . end;

def push: if any($req.jobs[]; .needs // [] != []) then
		"needs: this store keeps no jobs that wait for others\n"
		| halt_error(69) else . end
	| reduce $req.jobs[] as $new (.; [.jobs[$new.id] // empty, (.jobs[]
		| select($new.key != null and .key == $new.key
			and .queue == $new.queue and (finished | not)))] as $there
	| if $there != [] then . else .seq += 1
	| .jobs[$new.id] = $new + {seq, state: "pending", attempt: 0, epoch: 0,
		rescues: 0, snoozes: 0, pushed: $now, run: ($new.run_at_ms // $now)}
	end | .out += [$there[0] // .jobs[$new.id] | line("")]);

def ending($e):
	($e.event == "snoozed") as $snoozed
	| .settled = $e.event | .error = $e.error
	| if $e.event | IN("completed", "cancelled")
	then become($e.event; $e.reason; 0)
	elif $e.event == "failed" and $e.retry == false or .attempt >= .max_attempts
		and ($e.event == "failed" or $snoozed and .snoozes >= 100)
	then become("failed"; $e.reason; 0)
	elif .cancel then become("cancelled"; $e.reason; 0)
	elif $e.event == "released" then become("pending"; $e.reason; 1)
	else .run = $now + ($e.retry_after_ms // if $snoozed then 60000 else
		15000 * pow(2; .attempt - 1) * (0.9 + ($noise + .seq * 7919) % 2001
		/ 10000) | [., 3600000] | min | floor end)
	| if $snoozed and .snoozes < 100
	then .snoozes += 1 | become("pending"; $e.reason; 1)
	else become("pending"; $e.reason; 0) end end;

# What waits (it is printed and not yet started) is renewed until its start.
def alive($e):
	[$e.jobs[] as [$id, $epoch] | .jobs[$id]
		| select(holds($epoch; $e.worker))] as $held
	| def ids(f): $held | map(select(f) | [.id, .epoch]);
	reduce ids($e.waiting != true or .started == 0)[][0] as $id (.;
		.jobs[$id] |= (.renewed = $now | .until = $now + .lease))
	| .out += ["-\($e.line),\"lost\":\($e.jobs - ids(true))" + (if $e.waiting
		then ",\"started\":\(ids(.started == 1))" else "" end) + "}"];

# Compare-and-set on epoch and worker. n is the last event that was taken, by
# which one that is sent again is known.
def settle_one($e):
	.jobs[$e.id // ""] as $job
	| ($job | holds($e.epoch; $e.worker)) as $holds
	| ($e.event | IN("completed", "failed", "cancelled", "released",
		"snoozed")) as $ends
	| (if $job == null or $e.epoch == null then "\"unknown\"" elif $holds
		or $job.epoch == $e.epoch and $job.worker == $e.worker
			and ($job.settled == $e.event or ($ends | not)
			and $e.n != null and $e.n <= $job.n)
		then "true" else "\"stale\"" end) as $settled
	| if $holds then .jobs[$e.id] |= (.heard = $now | .renewed = $now
		| .until = $now + .lease | .n = ([.n, $e.n] | max)
		| if $ends then ending($e)
		elif $e.event == "started" then .started = 1 else . end)
	else . end
	| .out += ["-\($e.line),\"settled\":\($settled)" + (if $holds and $ends
		then .jobs[$e.id] | ",\"state\":\"\(.state)\"" + if finished
			then "" else ",\"run_at\":\"\(.run | time)\"" end
		else "" end) + "}"];
def settle: reduce ($req.events // [])[] as $e (.;
		if $e.event == "alive" then alive($e) else settle_one($e) end)
	| .jobs |= with_entries(.value = (.value | lapse));

def idle: [.jobs[] | select(.state == "pending" and .run > $now).run] as $later
	| {event: "idle"} + (if $later == [] then {} else
		{next_in: ((($later | min) - $now) / 1000)} end)
	+ {unfinished: [.jobs[] | select(finished | not)] | length};
def claim: settle
	| [.jobs[] | select(.state == "pending" and .run <= $now and wanted
		and (.id as $id | $req.ids // [$id] | index($id)))] as $ready
	| ($ready | sort_by([-.priority, .seq])[:$req.limit] | page | map(.id))
		as $ids
	| reduce $ids[] as $id (.; .jobs[$id] |= (.state = "running"
		| .epoch += 1 | .attempt += 1 | .worker = $req.worker
		| .lease = $req.lease * 1000 | .until = $now + .lease
		| .claimed = $now | .renewed = $now | .heard = $now
		| .started = 0 | .n = 0 | .settled = null | .cancel = null))
	| .out += [($req.held // [])[] as [$id, $epoch] | .jobs[$id]
		| if holds($epoch; $req.worker) | not then "lost"
		elif .cancel then "cancel" else empty end
		| "-\({event: "stop", id: $id, epoch: $epoch, reason: .})"]
	| .out += [.jobs[$ids[]] | line(",\"lease\":\({epoch, worker, seconds:
		$req.lease} + if $req.ring then {ring: true} else {} end)")]
	| ($ids | length) as $n
	| if $n < $req.limit and $n == ($ready | length)
	then .out += ["-\(idle)"] else . end;

def cancel: reduce $req.ids[] as $id (.; .jobs[$id] as $job
	| ($req.reason // "cancel") as $reason
	| (if $job.state == "pending"
		then .jobs[$id] |= become("cancelled"; $reason; 0)
		elif $job.state == "running" and $job.cancel == null
		then .jobs[$id].cancel = $reason else null end) as $new
	| ($new // .) | .out += ["-\({event: "cancel", id: $id,
		was: ($job.state // "unknown"), done: ($new != null)}
		+ if $job.state != "running" then {} else {worker: $job.worker,
			asked_before: ($job.cancel != null)} end)"]);

def age: ($now - .) / 1000 | floor;
def whole: line(",\"pushed_at\":\"\(.pushed | time)\"" + (if .state == "running"
	then ",\"held\":\({worker, age: (.claimed | age), renewed: (.renewed | age),
		silent: (.heard | age)} + if .cancel then {cancel} else {} end)"
	elif .ended then ",\"ended\":\({at: (.ended | time)}
		+ ({reason, error} | with_entries(select(.value))))" else "" end)
	+ if .rescues > 0 then ",\"rescues\":\(.rescues)" else "" end);
def place: if $req.by == "ready" then [0 - .priority, .seq] else [.seq] end;
def asked_for: if $req.by == "ids" then .id as $id | $req.ids | index($id)
	elif $req.by == "tail"
	then ($req.tail | length >= 6) and (.id | endswith($req.tail))
	elif $req.by == "ready" then .state == "pending" and .run <= $now
	elif $req.by == "failed" or $req.by == "running" then .state == $req.by
	else true end;
def stuck: finished | not and ((if .state == "running" then .heard
	else [.run, .pushed] | max end) <= $now - $req.stuck_ms);
def list: . as $before
	| ($req.after // "" | split(",") | map(tonumber)) as $after
	| [.jobs[] | select(wanted and asked_for and place > ($after
			| if $req.by == "ready" then .[:1] |= map(0 - .) else . end)
		and .state == ($req.state // .state)
		and .name == ($req.name // .name) and .key == ($req.key // .key)
		and .pushed <= $now - ($req.older_ms // 0)
		and ($req.stuck_ms == null or stuck))]
	| (sort_by(place)[:$req.limit // 500] | page) as $page
	| (length > ($page | length)) as $more
	| $before + {out: [($page[] | whole), ($page[-1] | select($more)
		| if $req.by == "ready" then "\(.priority),\(.seq)" else "\(.seq)" end
		| "-\({event: "page", after: .})")]};

def answer(verb):
	($old[0] + {jobs: ($old[1:] | INDEX(.id))}) as $before
	| $before + {out: []} | verb
	| (if del(.out) == $before then empty
		else del(.jobs, .out), .jobs[] | "=\(.)" end), .out[];
