-- A result is written for every request whose plugin_run_id could be read:
-- exactly {"plugin_run_id","status","output","error"}, status being completed
-- or failed, output and error a string or null. What a worker has said is
-- taken over as it is written.

-- An output that is no string becomes its text; none at all is null.
local function output_of(said)
	local output = said.output or said.base64
	if not output or output == 'null' then
		return 'null'
	end
	return byte(output) == 34 and output or quote(output)
end

-- 300 for "300.000", 0.5 for "0.500".
local function seconds(text)
	return (string.gsub(string.gsub(text, '0+$', ''), '%.$', ''))
end

-- A plugin that is not there is not startable for the runner: it says so by a
-- code at the beginning, or refuses the name.
local function error_of(kind, ended, said, name)
	local text = unquote(said.error) or ended.error or ''
	if ended.reason == 'timeout' then
		local after = match(text, 'timeout of (%d+%.%d+) s')
		if after then
			return quote('Workflow exceeded ' .. seconds(after)
				.. 's timeout')
		end
	elseif ended.reason == 'spawn' and (find(text, '^no_handler: ')
		or find(text, '^bad_name: ')) then
		return quote('Plugin crew not found: ' .. name)
	end
	if byte(said.error or '') == 34 and said.error ~= '""' then
		return said.error
	end
	return quote(text ~= '' and text or ended.reason or kind)
end

local function result_of(kind, ended, job)
	if not job.note then
		return nil
	end
	local said = ended.line and members_of(ended.line .. '}') or {}
	local good = kind == 'completed'
	return { 'payload', '{"plugin_run_id":' .. job.note.run .. ',"status":"'
		.. (good and 'completed' or 'failed') .. '","output":'
		.. (good and output_of(said) or 'null') .. ',"error":'
		.. (good and 'null' or error_of(kind, ended, said,
			job.note.name)) .. '}',
		'schema_version', parameter.schema_version }
end
