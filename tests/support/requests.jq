# Requests for storecall, each a line: a verb, a space, JSON. What a test does
# not say is filled in here.
def request($verb): "\($verb) \(tojson)";

# The text of an object as a request carries it, less its closing brace.
def kept: tojson | .[:-1];

def job:
	{queue: "default", name: "n", priority: 0, max_attempts: 5} + .
	| {line: (del(.run_at_ms, .expires_at_ms) | kept)} + .;
def push($jobs): {jobs: ($jobs | map(job))} | request("push");

# An event of the first run by worker w1, unless it says otherwise.
def event:
	(if .event == "alive" then {worker: "w1"} else {epoch: 1, worker: "w1"} end)
	+ . | {line: (del(.retry_after_ms) | kept)} + .;
def settle($events): {events: ($events | map(event))} | request("settle");
def claim($more):
	{limit: 1, worker: "w1", lease: 30, queues: [], held: [], events: []}
	+ $more | .events |= map(event) | request("claim");
def list($more): {by: "all", limit: 500} + $more | request("list");

def call($verb; $request): $request | request($verb);

# The run_at and at of lines as milliseconds since 1970.
def ms: (.[:19] + "Z" | fromdate) * 1000 + (.[20:23] | tonumber);

# Answers less the line that says that a page is the last one.
def without_end: map(select(.event != "page" or .more != false));
