-- Endings, and what else workers say.
-- events are words
-- include common.lua
-- include log.lua
-- include settle-events.lua
-- include retention.lua

local events, answer = events_of_request(), {}

write_anyway()
settle(events, answer)
delete_finished(10 + #events)
keep_log()
ring()
return answer
