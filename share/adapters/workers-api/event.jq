# What the Workers API is told: of a started its worker, of a completed its
# output, of any other ending an error. Every value, here and in the result, is
# a string that holds JSON text: see jobq-adapter(7).
def last_line:
	fromjson | split("\n") | map(select(test("\\S"))) | last | values | tojson;

def in_words:
	(.reason // "\"\"" | fromjson) as $reason
	| (.event | fromjson) as $event
	| if $event == "cancelled" then
		"cancelled" + (if $reason == "" then "" else ": " + $reason end)
	elif $event == "released" then
		"given back before it was done"
		+ ({shutdown: ": the worker was stopped",
			"worker-fault": ": the worker cannot run it",
			lost: ": the worker lost it",
			waiting: ": it waited too long"}[$reason] // "")
	elif $event == "snoozed" then
		"put off by its handler"
	else
		{exit: "exited with code \(.exit // "unknown")",
			signal: "killed by signal \(.signal // "unknown")",
			timeout: "ran longer than it may",
			spawn: "could not be run",
			http: "was not answered well over HTTP",
			oom: "ran out of memory",
			crash: "crashed its worker",
			refused: "its output was refused"
		}[$reason] // "failed\(if $reason == "" then "" else ": " + $reason end)"
	end
	| tojson;

if .event == "\"started\"" then
	{worker}
elif .event != "\"completed\"" then
	{error: (.error // (.stderr_tail | strings | last_line) // in_words)}
elif .base64 then
	{output: .base64, encoding: "\"base64\""}
else
	{output: (.output // "null")}
end
