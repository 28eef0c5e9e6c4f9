# A record of progress as an event: from its headers, or from its text when it
# has none, for then an original worker wrote it.
def told:
	(.update // "\"\"" | fromjson) as $update
	| if $update == "DONE" then
		{event: "\"completed\"", state: "\"completed\""}
	elif $update == "STOPPED" then
		{event: "\"cancelled\"", reason: "\"cancel\"",
			state: "\"cancelled\""}
	else
		{event: "\"output\"", stream: "\"stdout\"", text: .update}
	end;

if .event then
	{event, id: .task_id, epoch, worker, n, at, reason, error, exit, state,
		run_at}
	+ (if .event == "\"output\"" then {stream, text: .update} else {} end)
else
	told + {id: .task_id, epoch: "1", worker: "\"original\"",
		n: .["offset"], at}
end
