-- Jobs that anyone's XADD has put into PREFIX:inbox, in a field "job", are
-- handed to the driver first, which reads them as jobq-push reads its input
-- and pushes them; then it calls again, saying so.
if ARGV[3] ~= 'again' then
	local entries = redis.call('XRANGE', key('inbox'), '-', '+', 'COUNT',
		500)
	if #entries > 0 then
		local answer, bytes = { 'inbox' }, 0
		for _, entry in ipairs(entries) do
			local text = ''
			for i = 1, #entry[2], 2 do
				if entry[2][i] == 'job' then
					text = entry[2][i + 1]
				end
			end
			-- What is too long for a job the driver refuses by its
			-- first bytes.
			text = string.sub(text, 1, 1048577)
			bytes = bytes + #text
			if #answer > 1 and bytes > PAGE_BYTES then
				break
			end
			answer[#answer + 1] = entry[1]
			answer[#answer + 1] = text
		end
		return answer
	end
end
