-- What is written to the stream "results" when a job has ended: the words of
-- an XADD behind the id, or nil for nothing. kind is completed, failed or
-- cancelled; ended has reason and error, texts, and line, the ending less its
-- closing brace, where a worker has said it; job has its id and its note, which
-- an entry that is no job has not. An adapter of one's own has its own of this
-- file.
local function result_of(kind, ended, job)
	if kind ~= 'completed' and parameter.failures ~= '1' then
		return nil
	end
	local said = ended.line and members_of(ended.line .. '}') or {}
	local words = { 'id', job.id, 'status', kind }
	local function put(name, text)
		if text then
			words[#words + 1] = name
			words[#words + 1] = text
		end
	end
	if kind == 'completed' then
		put('output', said.output or 'null')
		put('base64', unquote(said.base64))
	else
		put('reason', ended.reason)
		put('error', unquote(said.error) or ended.error)
	end
	return words
end
