-- Endings, and what else workers say.
-- events are words
-- include common.lua
-- include log.lua
-- include settle-events.lua
-- include retention.lua

local answer = {}

write_anyway()
settle(answer)
delete_finished(10 + event_count)
keep_log()
ring()
return answer
